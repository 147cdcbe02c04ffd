import { setMaxListeners } from 'node:events';
import { labels } from '../engine/labels.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import { notedOf, noteBegun } from '../release/begun.ts';
import type { Outcome } from '../release/ledger.ts';
import type { ReleaseContent } from '../release/release.ts';
import { presentOf } from '../release/present.ts';
import { pathsOf } from '../release/origin.ts';
import { sourceOf } from '../release/sources.ts';
import { keepSecrets, type Vault } from '../release/vault.ts';
import { changeSettings, notePart, readApplied } from '../release/settings.ts';
import type { Session } from '../session.ts';
import type { Context } from './context.ts';
import { execute, type StepTime } from './execute.ts';
import { killPoint } from './fault.ts';
import { Guard } from './guard.ts';
import { keepLogs } from './kept-logs.ts';
import { observe, replicasOf, type Seen, type SeenReplica } from './observe.ts';
import type { DeployOptions, DeployResult } from './options.ts';
import { plan } from './plan.ts';
import { startProof, type RunningProof } from './proof.ts';
import type { Run } from './run.ts';
import { putBackAll } from './put-back.ts';
import { record } from './record.ts';
import { interrupted, nextAfter, standing } from './standing.ts';
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
  // After `horme down` what was live serves nobody: asking it would count failures of the wait for the first step.
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
    // Who has lost the lock writes nothing over what its new holder wrote.
    if (wanted.former && !context.lost.aborted) await givenUp(session, context, wanted.former);
    const next = nextAfter(options, wanted.ledger.live?.number);
    throw interrupted(await look(context), wanted.content, next, error, context.lost);
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
  const [seen, begunAt] = await Promise.all([look(context), begin(context, there, options)]);
  await noteSeen(session, context, seen);
  return { seen, begunAt, steps: stepsFor(session, wanted, seen, options) };
}

/**
 * A deploy alone brings migrations and code that nobody has seen at work, and is noted in case it is killed. What one that was
 * killed has migrated is in the data, unless other data of before comes or came.
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

/** The quick look of later deploys trusts the notes. */
async function noteSeen({ parts }: Session, { store }: Context, seen: Seen): Promise<void> {
  for (const part of parts) {
    const noted = part.noted?.(seen);
    if (noted !== undefined) await notePart(store, part.name, () => noted);
  }
}

/** Waits end as soon as the guard is sure. */
function guarded(context: Context, guard: Guard | undefined): Context {
  if (!guard) return context;
  const signal = AbortSignal.any([context.signal, guard.signal]);
  setMaxListeners(0, signal);
  return { ...context, guard, signal };
}

async function look(context: Context): Promise<Seen> {
  return observe({
    engine: context.engine,
    project: context.content.project,
    services: context.routed,
    balancers: await context.balancers.get(),
    applied: await readApplied(context.store),
    parts: context.parts,
  });
}

const contextsOf = ({ stack }: Session) =>
  stack.services.flatMap(({ definition: { build } }) => (build ? pathsOf(build) : []));

/** Notes when the last old replica was drained: from there on all traffic is new. */
function watchSwitch(context: Context, proof: RunningProof): Context {
  return {
    ...context,
    emit: (event) => {
      context.emit(event);
      if (event.kind === 'step-finished' && event.title.startsWith('drain ')) proof.switched();
    },
  };
}

/** Only a scaling that went well is kept for later deploys. */
async function keepScale({ context, options }: Run): Promise<void> {
  if (!options.scale) return;
  await changeSettings(context.store, ({ scale }) => ({ scale: { ...scale, ...options.scale } }));
}

async function goBack(run: Run, error: unknown): Promise<DeployResult> {
  const { emit } = run.session;
  const reason = error instanceof Error ? error.message : String(error);
  const failure = error instanceof OperatorError ? error : undefined;
  if (!failure) emit({ kind: 'warning', text: `a bug in Horme ended this step: ${stackOf(error)}` });
  const { former } = run.wanted;
  if (former) await putBackAll(run.context, former, await look(run.context));
  const kept = former ? await keptLogs(run) : [];
  const outcome = former ? await restore(run, former) : 'failed';
  if (!former) emit({ kind: 'warning', text: 'nothing was live before; what was started is left for you to look at' });
  const exitCode = outcome === 'rolled-back' ? exitCodes.rolledBack : exitCodes.rolledBackInPart;
  return {
    ...(await record(run, outcome, reason)),
    exitCode,
    reason,
    failure: failure && naming(failure, kept, run.context),
  };
}

/** That they can't be kept is no reason to leave the bad release up. */
async function keptLogs({ context, session }: Run): Promise<string[]> {
  return keepLogs(context).catch((error: unknown) => {
    session.emit({ kind: 'warning', text: `what the replicas printed is lost: ${stackOf(error)}` });
    return [];
  });
}

/** The replicas that the failure sends its reader to are gone; what they printed is kept under the release. */
function naming(failure: OperatorError, kept: string[], { releaseNumber }: Context): OperatorError {
  const service = kept.find((name) => failure.next === `horme logs ${name}`);
  if (service === undefined) return failure;
  const { message, code, exitCode, lastSeen, cause } = failure;
  const next = `horme logs ${service} --release ${releaseNumber}`;
  return new OperatorError(message, { code, exitCode, next, cause, ...(lastSeen !== undefined && { lastSeen }) });
}

const stackOf = (error: unknown) => (error instanceof Error ? (error.stack ?? error.message) : String(error));

/** What was begun for this run and is of no use now, such as a history for data that never came: nothing of what runs has to change then. */
async function givenUp(
  { parts }: Session,
  { store, vault, otherData }: Context,
  former: ReleaseContent,
): Promise<Vault> {
  let kept = vault;
  for (const { name, secrets } of otherData.begun ? [] : parts) {
    const before = secrets?.read(kept.parts);
    const after = before === undefined ? undefined : secrets?.givenUp?.(before, former);
    if (after !== undefined && after !== before) kept = await keepSecrets(store, kept, name, after);
  }
  return kept;
}

async function restore({ session, context, times, boundary }: Run, before: ReleaseContent): Promise<Outcome> {
  session.emit({ kind: 'note', text: 'going back to the release before' });
  const former = presentOf(before, await givenUp(session, context, before), session.parts);
  const back: Context = { ...context, content: former, guard: undefined };
  const options = {
    migrate: false,
    watchSeconds: 0,
    majorUpgrade: false,
    swap: undefined,
    only: undefined,
    former: context.content.services,
  };
  try {
    await execute(back, plan(former, await look(context), options, session.parts), times, boundary);
    return 'rolled-back';
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const text = `going back failed too: ${why}\n${standing(await look(context), context.content)}`;
    session.emit({ kind: 'warning', text });
    return 'rolled-back-in-part';
  }
}
