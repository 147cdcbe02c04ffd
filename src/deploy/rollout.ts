import { setMaxListeners } from 'node:events';
import { labels } from '../engine/labels.ts';
import { notedOf, noteBegun } from '../release/begun.ts';
import { pathsOf } from '../release/origin.ts';
import { sourceOf } from '../release/sources.ts';
import { changeSettings, notePart, readApplied } from '../release/settings.ts';
import type { Session } from './session.ts';
import type { Context } from './context.ts';
import { execute, type StepTime } from './execute.ts';
import { killPoint } from './fault.ts';
import { Guard } from './guard.ts';
import { lookAgain } from './look-again.ts';
import { replicasOf, type Seen, type SeenReplica } from './observe.ts';
import type { DeployOptions, DeployResult } from './options.ts';
import { startProof, type RunningProof } from './proof.ts';
import type { Run } from './run.ts';
import { record } from './record.ts';
import { interrupted, nextAfter } from './standing.ts';
import { givenUp, goBack } from './way-back.ts';
import { stepsFor, type Wanted } from './wanted.ts';

/** Observes, plans and executes; when a step fails, plans and executes the way back. */
export async function rollOut(
  session: Session,
  context: Context,
  wanted: Run['wanted'],
  options: DeployOptions,
  times: StepTime[],
  started: number,
): Promise<DeployResult> {
  const { engine, content } = context;
  const there = replicasOf(await engine.containers({ [labels.project]: content.project }), content.project, 'trusted');
  // After `horme down` nothing serves: probes would only fail until the first step has run.
  const serves = there.some(({ running }) => running);
  const proving = startProof(session, serves ? wanted.former : undefined, content, started);
  const deciding = decide(session, context, wanted, there, options).catch(async (error: unknown) => {
    await (await proving).stop();
    throw error;
  });
  const [{ seen, steps, begunAt }, proof] = await Promise.all([deciding, proving]);
  const boundary = options.boundary ?? killPoint(process.env);
  const source = sourceOf(session.stack.directory, contextsOf(session));
  const own: Context = { ...context, before: proof.prober?.first() };
  const run: Run = { session, context: own, wanted, options, begunAt, times, source, proof, boundary };
  const guard = steps.some(({ action }) => action.do === 'watch' || action.do === 'prove')
    ? new Guard(run.context, seen.replicas, proof.prober)
    : undefined;
  try {
    await execute(guarded(watchSwitch(run.context, proof), guard), steps, times, run.boundary);
    await guard?.end();
    guard?.signal.throwIfAborted();
  } catch (error) {
    await guard?.end();
    if (!context.signal.aborted) return goBack(run, guard?.failure ?? error);
    await proof.stop();
    // After losing the lock, this run must not overwrite what the new holder has written.
    if (wanted.former && !context.lost.aborted) await givenUp(session, context, wanted.former);
    const next = nextAfter(options, wanted.ledger.live?.number);
    throw interrupted(await lookAgain(context), wanted.content, next, error, context.lost);
  }
  await keepScale(run);
  return record(run, 'live', undefined);
}

async function decide(
  session: Session,
  context: Context,
  wanted: Wanted,
  there: SeenReplica[],
  options: DeployOptions,
) {
  const [seen, begunAt] = await Promise.all([lookAgain(context), begin(context, there, options)]);
  await noteSeen(session, context, seen);
  return { seen, begunAt, steps: stepsFor(session, wanted, seen, options) };
}

/**
 * Notes a deploy before its first step, in case it is killed: only a deploy brings new migrations and code. The
 * migrations of a killed run are in the data, unless data from before that run is or was restored.
 */
async function begin(context: Context, replicas: SeenReplica[], { kind, swap }: DeployOptions): Promise<string> {
  const { engine, store, content, releaseNumber, migrated } = context;
  const [{ now }, applied] = await Promise.all([engine.info(), readApplied(store)]);
  const users = content.services.filter(({ owner }) => owner === 'user').map(({ name }) => name);
  const served = replicas.some(({ service, release }) => release === releaseNumber && users.includes(service));
  const isDeploy = kind === 'deploy';
  const noted = isDeploy ? await noteBegun(store, releaseNumber, now, served) : await notedOf(store, releaseNumber);
  const moment = swap?.moment ?? applied.restoredTo;
  if (noted && (moment === '' || Date.parse(moment) >= Date.parse(noted.at))) migrated.push(...noted.migrated);
  return isDeploy && noted ? noted.at : now.toISOString();
}

/** Saves what was observed, since the quick look of later deploys trusts these notes. */
async function noteSeen({ parts }: Session, { store }: Context, seen: Seen): Promise<void> {
  for (const part of parts) {
    const noted = part.noted?.(seen);
    if (noted !== undefined) await notePart(store, part.name, () => noted);
  }
}

/** Adds the guard's signal, so that a regression ends every wait. */
function guarded(context: Context, guard: Guard | undefined): Context {
  if (!guard) return context;
  const signal = AbortSignal.any([context.signal, guard.signal]);
  setMaxListeners(0, signal);
  return { ...context, guard, signal };
}

const contextsOf = ({ stack }: Session) =>
  stack.services.flatMap(({ definition: { build } }) => (build ? pathsOf(build) : []));

/** Notes when the last drain step has finished: from then on all traffic goes to the new replicas. */
function watchSwitch(context: Context, proof: RunningProof): Context {
  return {
    ...context,
    emit: (event) => {
      context.emit(event);
      if (event.kind === 'step-finished' && event.title.startsWith('drain ')) proof.switched();
    },
  };
}

/** Keeps the new replica counts for later deploys, only after a successful scaling. */
async function keepScale({ context, options }: Run): Promise<void> {
  if (!options.scale) return;
  await changeSettings(context.store, ({ scale }) => ({ scale: { ...scale, ...options.scale } }));
}
