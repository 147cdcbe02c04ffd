import { labels } from '../engine/labels.ts';
import { neverAborted } from '../engine/patience.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import { askAddresses } from './ask.ts';
import { newReplicas, numbered, serviceOf, type ActingPart, type Context } from './context.ts';
import { awaitDrained, beginDrain, forget, stopReplicas } from './drain.ts';
import { postStart } from './hooks.ts';
import { migrate } from './migrate.ts';
import type { Action, Step } from './step.ts';
import { awaitReady, lastWords } from './ready.ts';
import { prove, watchReplicas } from './watch.ts';

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
    if (touchesUsers(context, step)) context.guard?.begin();
    try {
      await take(away.size === 0 ? context : { ...context, signal: neverAborted }, step);
    } catch (error) {
      emit({
        kind: 'step-failed',
        id,
        title,
        seconds: seconds(),
        message: because(error, signal),
      });
      throw error;
    }
    noteAway(context, step, steps.slice(index + 1), away);
    context.guard?.absent(away.size > 0);
    times.push({ title, seconds: seconds() });
    emit({ kind: 'step-finished', id, title, seconds: seconds() });
  }
  boundary();
}

/**
 * The guard looks at the old replicas before anything is done to them, not while a migration may hold them up, and not at a
 * HAProxy that is being replaced.
 */
function touchesUsers({ content }: Context, { action }: Step): boolean {
  const isUser = (name: string) => content.services.some((one) => one.name === name && one.owner === 'user');
  if (action.do === 'start') return Object.keys(action.counts).some(isUser);
  // Of an interrupted run that had started them, nothing else comes before they are watched.
  if (action.do === 'ready') return action.services.some(isUser);
  if (action.do === 'replace') return isUser(action.service);
  return (action.do === 'drain' || action.do === 'stop') && action.replicas.some(({ service }) => isUser(service));
}

/** Of a wait that was ended, who ended it, and not Node's words for that. */
function because(error: unknown, { aborted, reason }: AbortSignal): string {
  if (!(error instanceof Error)) return String(error);
  if (!aborted || error.name !== 'AbortError') return error.message;
  return reason instanceof OperatorError ? reason.message : 'interrupted';
}

/** What must not run twice is away between the stop of the old one and the start of the new: Ctrl-C waits until it is back. */
function noteAway({ content }: Context, { action }: Step, later: Step[], away: Set<string>): void {
  if (action.do === 'ready') action.services.forEach((name) => away.delete(name));
  if (action.do === 'replace') away.add(action.service);
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
    case 'migrate':
      return migrate(context, id, action.service);
    case 'start':
      return context.compose.scaleUp(numbered(context), action.counts);
    case 'finish':
      return finish(context, action.service, action.inPlace === true);
    case 'ready':
      return ready(context, id, action.services);
    case 'admit':
      return admit(context, action);
    case 'prove':
      return prove(context, id, action.services, action.seconds);
    case 'ask':
      return askAddresses(context, id, action.services);
    case 'members':
      return membersChanged(context);
    case 'drain':
      return drain(context, action);
    case 'watch':
      return watchReplicas(context, action.services, action.seconds);
    case 'stop':
      return stopReplicas(context, id, action.replicas, action.keep);
    case 'replace':
      return replaceInPlace(context, id, action);
    case 'part':
      return partNamed(context, action.part).take(context, id, action.act);
  }
}

async function removeAll({ engine }: Context, { containers }: Extract<Action, { do: 'remove' }>): Promise<void> {
  await Promise.all(containers.map(({ id }) => engine.remove(id)));
}

async function ready(context: Context, stepId: string, services: string[]): Promise<void> {
  await awaitReady(context, stepId, services);
  await context.guard?.protect(services);
}

/** Where their successors serve, what is in flight ends beside the steps that follow; `stop` waits for the rest. */
async function drain(context: Context, { replicas, handsOver }: Extract<Action, { do: 'drain' }>): Promise<void> {
  await beginDrain(context, replicas);
  await (handsOver ? membersChanged(context) : awaitDrained(context, replicas));
}

function partNamed({ parts }: Context, name: string): Required<Pick<ActingPart, 'take'>> {
  const part = parts.find((one) => one.name === name);
  if (!part?.take) throw new Error(`no part ${name} takes steps`);
  return part as Required<Pick<ActingPart, 'take'>>;
}

async function membersChanged(context: Context): Promise<void> {
  for (const part of context.parts) await part.membersChanged?.(context);
}

async function admit(context: Context, { services, first }: Extract<Action, { do: 'admit' }>): Promise<void> {
  const balancers = await context.balancers.must();
  await Promise.all(
    services.map(async (name) => {
      const replicas = await newReplicas(context, name);
      const waiting = replicas.filter((replica) => replica.membership !== 'ready');
      // One of an interrupted run has traffic already: it is the first.
      const most = first ? Math.max(0, 1 - (replicas.length - waiting.length)) : waiting.length;
      const admitted = waiting
        .slice(0, most)
        .map((replica) => ({ name: replica.name, address: replica.address ?? '' }));
      await balancers.admit(serviceOf(context, name), admitted);
    }),
  );
  context.guard?.admitted(services);
}

/** Compose would end them too, but knows nothing of HAProxy's slots and of streams that are better ended one by one. */
async function replaceInPlace(
  context: Context,
  stepId: string,
  { service, count, replicas }: Extract<Action, { do: 'replace' }>,
): Promise<void> {
  await stopReplicas(context, stepId, replicas, true);
  await context.compose.replace(numbered(context), { [service]: count });
}

async function finish(context: Context, name: string, inPlace: boolean): Promise<void> {
  const { compose } = context;
  await (inPlace ? compose.replace : compose.scaleUp)(numbered(context), { [name]: 1 });
  const service = serviceOf(context, name);
  const { spec } = service;
  const filter = { [labels.project]: context.content.project, [labels.service]: name, [labels.spec]: spec };
  const [container] = await context.engine.containers(filter);
  if (!container) throw new Error(`the job ${name} has no container`);
  if (container.state === 'running') await postStart(context, [{ service, replica: container }]);
  const exitCode = await context.engine.wait(container.id, { signal: context.signal });
  if (exitCode === 0) return;
  throw new OperatorError(`the job ${name} ended with exit code ${exitCode}`, {
    code: 'job-failed',
    exitCode: exitCodes.rolledBack,
    lastSeen: await lastWords(context, container),
    next: `horme logs ${name}`,
  });
}
