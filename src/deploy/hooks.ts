import { timedOut, type Engine, type ExecResult } from '../engine/engine.ts';
import { neverAborted } from '../engine/patience.ts';
import { labels } from '../engine/labels.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import type { Emit } from '../events.ts';
import type { ReleaseService } from '../release/release.ts';
import type { Context } from './context.ts';

/** A `post_start` or `pre_stop` hook of the Compose Specification. */
interface Hook {
  command: string[];
  user?: string;
  privileged?: boolean;
  working_dir?: string;
  environment?: Record<string, string | null>;
}

interface Hooked {
  id: string;
  name: string;
}

/**
 * Lists containers whose `post_start` has completed. If the run is killed before the note, the next run repeats the
 * hook.
 */
const noteFile = 'post-started.json';

/** Runs `post_start` in new replicas, before the readiness gate. The first failure fails the release. */
export async function postStart(
  context: Context,
  replicas: { service: ReleaseService; replica: Hooked }[],
): Promise<void> {
  const hooked = replicas.filter(({ service }) => hasHook(context, service.name));
  if (hooked.length === 0) return;
  const noted = (await context.store.readNow<string[]>(noteFile)) ?? [];
  const fresh = hooked.filter(({ replica }) => !noted.includes(replica.id));
  if (fresh.length === 0) return;
  await Promise.all(fresh.map(({ service, replica }) => postStartOne(context, service, replica)));
  const there = new Set(
    (await context.engine.containers({ [labels.project]: context.content.project })).map(({ id }) => id),
  );
  const kept = noted.filter((id) => there.has(id));
  await context.store.writeNow(noteFile, [...kept, ...fresh.map(({ replica }) => replica.id)]);
}

const hasHook = ({ content }: Context, name: string) => content.compose.services[name]?.['post_start'] !== undefined;

async function postStartOne(context: Context, service: ReleaseService, replica: Hooked): Promise<void> {
  const hooks = hooksOf((await context.engine.inspect(replica.id))?.labels[labels.postStart]);
  const deadline = performance.now() + service.readySeconds * 1000;
  for (const hook of hooks) {
    const seconds = (deadline - performance.now()) / 1000;
    const { exitCode, output } = await runHook(context.engine, replica.id, hook, seconds, context.signal);
    if (exitCode !== 0) throw failedHook(replica, service, hook, exitCode, output);
  }
}

/** Runs `pre_stop` before the stop signal. A failing hook is only a warning: the container stops anyway. */
export async function preStop(engine: Engine, { id, name }: Hooked, seconds: number, emit: Emit): Promise<void> {
  const details = await engine.inspect(id);
  if (!details?.running) return;
  const deadline = performance.now() + seconds * 1000;
  for (const hook of hooksOf(details.labels[labels.preStop])) {
    const { exitCode, output } = await runHook(engine, id, hook, (deadline - performance.now()) / 1000);
    if (exitCode === 0) continue;
    const said = output.trim().slice(-300);
    emit({ kind: 'warning', text: `${name}: pre_stop "${hook.command.join(' ')}" ${ending(exitCode)}: ${said}` });
  }
}

const hooksOf = (text: string | undefined) => JSON.parse(text ?? '[]') as Hook[];

const ending = (exitCode: number) =>
  exitCode === timedOut ? 'did not end in time' : `ended with exit code ${exitCode}`;

/**
 * A hook that exceeds its deadline keeps running until its container ends. Without `signal`, Ctrl-C does not shorten
 * the wait.
 */
const runHook = (engine: Engine, id: string, hook: Hook, seconds: number, signal = neverAborted): Promise<ExecResult> =>
  engine.exec(id, hook.command, { ...optionsOf(hook), deadlineSeconds: Math.max(0, seconds), signal });

function optionsOf({ user, privileged, working_dir: workingDirectory, environment }: Hook) {
  const pairs = Object.entries(environment ?? {}).filter(([, value]) => value !== null);
  return {
    ...(user !== undefined && { user }),
    ...(privileged !== undefined && { privileged }),
    ...(workingDirectory !== undefined && { workingDirectory }),
    ...(pairs.length > 0 && { environment: pairs.map(([key, value]) => `${key}=${value}`) }),
  };
}

const failedHook = (replica: Hooked, service: ReleaseService, hook: Hook, exitCode: number, output: string) =>
  new OperatorError(`${replica.name}: post_start "${hook.command.join(' ')}" ${ending(exitCode)}`, {
    code: 'post-start-failed',
    exitCode: exitCodes.rolledBack,
    lastSeen: output.trim().slice(-2000) || '(it printed nothing)',
    next: `horme logs ${service.name}`,
  });
