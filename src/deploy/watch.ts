import { OperatorError, exitCodes } from '../errors.ts';
import { until, type Context, type Watcher } from './context.ts';

/** This many good answers prove a first replica early: a busy service gives them in a second or two. */
const enoughAnswers = 200;
const pollMilliseconds = 50;
/** Smallest share of the watch during which all new replicas serve together. */
const togetherShare = 0.4;
/** How long to wait for an engine or a HAProxy that can't be read: a restart of either takes less. Seconds. */
const blindPatienceSeconds = 30;

/** Returns once the first new replica of each service has proven itself; throws what the guard found. */
export async function prove(context: Context, stepId: string, services: string[], seconds: number): Promise<void> {
  const guard = guardOf(context);
  const started = performance.now();
  const proven = () => services.every((name) => guard.good(name) >= enoughAnswers);
  await watched(context, guard, guard.seconds + seconds, proven);
  await guard.judge(services);
  const answers = services.map((name) => `${guard.good(name)} good answers of ${name}`).join(', ');
  const detail = `${answers} in ${((performance.now() - started) / 1000).toFixed(1)} s`;
  context.emit({ kind: 'step-progress', id: stepId, detail });
}

/** The guard has watched since the first replica was ready: this waits for the rest of the time. */
export async function watchReplicas(context: Context, services: string[], seconds: number): Promise<void> {
  const guard = guardOf(context);
  guard.begin();
  // An interrupted run may have admitted all replicas already: then no earlier step of this run watches them.
  await guard.protect(services);
  // Unchanged services count too: a changed one may have broken them.
  guard.admitted();
  await watched(context, guard, Math.max(guard.seconds + seconds * togetherShare, seconds));
  // The next step stops the old replicas, so a regression could no longer return traffic to them.
  await guard.end();
  guard.signal.throwIfAborted();
}

/**
 * Returns once `enough` is true, or once the guard has watched for `goal` seconds and then inspected all new replicas.
 */
async function watched(context: Context, guard: Watcher, goal: number, enough = () => false): Promise<void> {
  const { signal } = context;
  const seconds = goal - guard.seconds + blindPatienceSeconds;
  const done = async () => enough() || (guard.seconds >= goal && (await guard.seesAll()));
  if (await until(done, { seconds, everyMilliseconds: pollMilliseconds, signal })) return;
  throw new OperatorError(`the new replicas can't be watched: nothing was seen of them for ${blindPatienceSeconds} s`, {
    ...{ code: 'watch-blind', exitCode: exitCodes.rolledBack, lastSeen: guard.unread, next: 'horme status' },
  });
}

function guardOf({ guard }: Context): Watcher {
  if (!guard) throw new Error('a plan that watches has no guard');
  return guard;
}
