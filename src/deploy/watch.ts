import { OperatorError, exitCodes } from '../errors.ts';
import { until, type Context, type Watcher } from './context.ts';

/** So many good answers prove a first replica before its time is over: a second or two of a busy service. */
const enoughAnswers = 200;
const pollMilliseconds = 50;
/** The least share of the watch that all the new replicas are watched together. */
const togetherShare = 0.4;
/** For so long an engine or a HAProxy that can't be read is waited for: a restart of either takes less. Seconds. */
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
  // Of an interrupted run that had admitted them all: nothing has begun to watch them in this one.
  await guard.protect(services);
  // Of services that this release left alone too: one that it changed may have broken them.
  guard.admitted();
  await watched(context, guard, Math.max(guard.seconds + seconds * togetherShare, seconds));
  // What comes next ends the old replicas: from here on there is nobody to put back.
  await guard.end();
  guard.signal.throwIfAborted();
}

/** Returns once enough was seen, or the guard has seen all new replicas at this second of its watch or later. */
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
