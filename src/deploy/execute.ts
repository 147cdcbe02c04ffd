import { backUp, setUpBackups, swapIn } from '../backup/apply.ts';
import { retireLogins, setRoles, shareSettings } from '../database/apply.ts';
import { migrate } from '../database/migrate.ts';
import { switchOver } from '../database/switchover.ts';
import { analyze, forgetCluster, rehearseUpgrade, upgradeData } from '../database/upgrade.ts';
import { reloadHaproxy, reloadNginx, writeEdge, writeMembers } from '../edge/apply.ts';
import { labels } from '../engine/labels.ts';
import { neverAborted } from '../engine/patience.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import { newReplicas, numbered, serviceOf, type Context } from './context.ts';
import { drain, forget, stopReplicas } from './drain.ts';
import type { Action, Step } from './step.ts';
import { awaitReady, lastWords } from './ready.ts';
import { watchReplicas } from './watch.ts';

export interface StepTime {
  title: string;
  seconds: number;
}

/** Takes the steps one after another and decides nothing: what fails is thrown, what is next the caller plans anew. */
export async function execute(context: Context, steps: Step[], times: StepTime[], boundary: () => void): Promise<void> {
  const { emit, signal } = context;
  const away = new Set<string>();
  if (steps.length > 0) emit({ kind: 'plan', steps: steps.map(({ id, title, cause }) => ({ id, title, cause })) });
  for (const [index, step] of steps.entries()) {
    if (away.size === 0) signal.throwIfAborted();
    boundary();
    const { id, title } = step;
    const started = performance.now();
    const seconds = () => (performance.now() - started) / 1000;
    emit({ kind: 'step-started', id, title });
    try {
      await take(away.size === 0 ? context : { ...context, signal: neverAborted }, step);
    } catch (error) {
      emit({
        kind: 'step-failed',
        id,
        title,
        seconds: seconds(),
        message: error instanceof Error ? error.message : String(error),
      });
      throw error;
    }
    noteAway(context, step, steps.slice(index + 1), away);
    times.push({ title, seconds: seconds() });
    emit({ kind: 'step-finished', id, title, seconds: seconds() });
  }
  boundary();
}

/** What must not run twice is away between the stop of the old one and the start of the new: Ctrl-C waits until it is back. */
function noteAway({ content }: Context, { action }: Step, later: Step[], away: Set<string>): void {
  if (action.do === 'ready') action.services.forEach((name) => away.delete(name));
  if (action.do !== 'stop') return;
  const comesBack = content.services.filter(
    ({ name, kind, strategy, replicas }) =>
      kind === 'service' &&
      strategy.kind === 'stop-first' &&
      replicas > 0 &&
      later.some((step) => step.action.do === 'ready' && step.action.services.includes(name)) &&
      action.replicas.some(({ service }) => service === name),
  );
  comesBack.forEach(({ name }) => away.add(name));
}

function take(context: Context, { id, action }: Step): Promise<void> {
  switch (action.do) {
    case 'remove':
      return removeAll(context, action);
    case 'forget':
      return forget(context, action.slots);
    case 'write-edge':
      return writeEdge(context, action);
    case 'reload-haproxy':
      return reloadHaproxy(context, action.keepFormer);
    case 'reload-nginx':
      return reloadNginx(context);
    case 'migrate':
      return migrate(context, id, action.service);
    case 'start':
      return context.compose.scaleUp(numbered(context), action.counts);
    case 'finish':
      return finish(context, action.service);
    case 'ready':
      return awaitReady(context, id, action.services);
    case 'admit':
      return admit(context, action.services);
    case 'members':
      return writeMembers(context);
    case 'drain':
      return drain(context, id, action.replicas);
    case 'watch':
      return watchReplicas(context, action.services, action.seconds);
    case 'stop':
      return stopReplicas(context, action.replicas);
    case 'share-settings':
      return shareSettings(context);
    case 'set-roles':
      return setRoles(context);
    case 'switchover':
      return switchOver(context, id, action.to);
    case 'retire-logins':
      return retireLogins(context);
    case 'rehearse-upgrade':
      return rehearseUpgrade(context, action);
    case 'upgrade':
      return upgradeData(context, action.from);
    case 'analyze':
      return analyze(context);
    case 'swap':
      return swapIn(context, id, action);
    case 'forget-cluster':
      return forgetCluster(context);
    case 'set-up-backups':
      return setUpBackups(context, id);
    case 'back-up':
      return backUp(context, id);
  }
}

async function removeAll({ engine }: Context, { containers }: Extract<Action, { do: 'remove' }>): Promise<void> {
  await Promise.all(containers.map(({ id }) => engine.remove(id)));
}

async function admit(context: Context, services: string[]): Promise<void> {
  const balancers = await context.balancers.must();
  await Promise.all(
    services.map(async (name) => {
      const replicas = (await newReplicas(context, name)).filter((replica) => replica.membership !== 'ready');
      await balancers.admit(
        serviceOf(context, name),
        replicas.map((replica) => ({ name: replica.name, address: replica.address ?? '' })),
      );
    }),
  );
}

async function finish(context: Context, name: string): Promise<void> {
  await context.compose.scaleUp(numbered(context), { [name]: 1 });
  const { spec } = serviceOf(context, name);
  const filter = { [labels.project]: context.content.project, [labels.service]: name, [labels.spec]: spec };
  const [container] = await context.engine.containers(filter);
  if (!container) throw new Error(`the job ${name} has no container`);
  const exitCode = await context.engine.wait(container.id, { signal: context.signal });
  if (exitCode === 0) return;
  throw new OperatorError(`the job ${name} ended with exit code ${exitCode}`, {
    code: 'job-failed',
    exitCode: exitCodes.rolledBack,
    lastSeen: await lastWords(context, container),
    next: `horme logs ${name}`,
  });
}
