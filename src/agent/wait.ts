import { setTimeout as delay } from 'node:timers/promises';

/** Ends early, without an error, when the signal is aborted: who loops asks the signal what to do then. */
export async function pause(seconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(seconds * 1000, undefined, signal && { signal });
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}

/** Whether the work ended within so many seconds; its failure counts as an end. The timer never keeps the process alive. */
export async function endsWithin(seconds: number, work: Promise<unknown>): Promise<boolean> {
  const timer = new AbortController();
  const late = delay(seconds * 1000, false, { signal: timer.signal }).catch(() => false);
  try {
    return await Promise.race([work.then(ended, ended), late]);
  } finally {
    timer.abort();
  }
}

const ended = (): boolean => true;
