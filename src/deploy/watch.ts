import { setTimeout as wait } from 'node:timers/promises';
import { until, type Context } from './context.ts';
import type { Guard } from './guard.ts';

/** So many good answers prove a first replica before its time is over: a second or two of a busy service. */
const enoughAnswers = 200;
const pollMilliseconds = 50;
/** The least share of the watch that all the new replicas are watched together. */
const togetherShare = 0.4;
/** A watch that did not see HAProxy for so long has not watched; seconds. */
const blindSeconds = 5;

/** Returns once the first new replica of each service has proven itself; throws what the guard found. */
export async function prove(context: Context, stepId: string, services: string[], seconds: number): Promise<void> {
  const guard = guardOf(context);
  const started = performance.now();
  await until(async () => services.every((name) => guard.good(name) >= enoughAnswers), {
    seconds,
    everyMilliseconds: pollMilliseconds,
    signal: context.signal,
  });
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
  const rest = Math.max(seconds * togetherShare, seconds - guard.seconds);
  await wait(rest * 1000, undefined, { signal: context.signal });
  // What comes next ends the old replicas: from here on there is nobody to put back.
  await guard.end();
  guard.signal.throwIfAborted();
  if (guard.blindSeconds < blindSeconds) return;
  context.emit({
    kind: 'warning',
    text: `HAProxy could not be read for ${Math.round(guard.blindSeconds)} s: errors and answer times were not watched`,
  });
}

function guardOf({ guard }: Context): Guard {
  if (!guard) throw new Error('a plan that watches has no guard');
  return guard;
}
