import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from './clock.ts';
import type { Answer } from './endpoint.ts';
import { hasErrno } from './failure.ts';

/** A dozen ticks: a disk that hangs for a while is not a dead loop. In seconds. */
const tickLimitSeconds = 60;

/** Whether `serve` lives: its loop leaves the time of each tick in a file of the `run` folder, which is on tmpfs. */
export async function ticked(runFolder: string, clock: Clock): Promise<void> {
  const file = tickFile(runFolder);
  // Written beside and moved, or a check could read half of it.
  await writeFile(`${file}.new`, String(clock.read().steady));
  await rename(`${file}.new`, file);
}

/** What is wrong with the loop; undefined when it ticks. */
export async function stale(runFolder: string, clock: Clock): Promise<string | undefined> {
  const last = await lastTick(runFolder);
  if (last === undefined) return 'the loop has not begun';
  // Not wall time, which may jump; the steady clock is the same for all processes of the machine.
  const age = clock.read().steady - last;
  return age > tickLimitSeconds ? `the loop last ticked ${age.toFixed(0)} s ago` : undefined;
}

export async function healthAnswer(runFolder: string, clock: Clock): Promise<Answer> {
  const wrong = await stale(runFolder, clock);
  return wrong === undefined ? { code: 200, text: 'ok\n' } : { code: 503, text: `${wrong}\n` };
}

async function lastTick(runFolder: string): Promise<number | undefined> {
  try {
    const text = await readFile(tickFile(runFolder), 'utf8');
    return text.trim() === '' || Number.isNaN(Number(text)) ? undefined : Number(text);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

const tickFile = (runFolder: string): string => join(runFolder, 'tick');
