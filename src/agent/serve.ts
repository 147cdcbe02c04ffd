import { once } from 'node:events';
import type { Clock } from './clock.ts';
import { serveHttp } from './endpoint.ts';
import { stackOf } from './failure.ts';
import { healthAnswer, ticked } from './health.ts';
import { momentText } from './moments.ts';
import type { Programs } from './programs.ts';
import { pause } from './wait.ts';
import { Worker } from './worker.ts';
import type { Watch, Work } from './work.ts';

const tickSeconds = 5;
/** `docker stop` kills after 10 s. */
const stopSeconds = 8;

export interface Surroundings {
  programs: Programs;
  clock: Clock;
  /** On tmpfs. */
  runFolder: string;
  log: (text: string) => void;
  port?: number;
}

/** The agent that stays, until its programs are told to stop: each few seconds it looks what is due, and gives it to the worker. */
export async function serve(work: Work, surroundings: Surroundings): Promise<void> {
  const { programs, clock, runFolder, log, port } = surroundings;
  await work.begin();
  const answers = {
    '/metrics': async () => ({ code: 200, text: await work.metrics() }),
    '/health': () => healthAnswer(runFolder, clock),
  };
  const http = serveHttp(answers, port);
  await once(http, 'listening');
  const worker = new Worker(log);
  for (const watch of work.watches) void watchOn(watch, surroundings);
  log(work.title);
  while (!programs.stopping) {
    await tickOnce(work, worker, surroundings);
    await pause(tickSeconds, programs.signal);
  }
  log('stopping: running work is ended');
  http.close();
  http.closeAllConnections();
  await worker.join(stopSeconds);
}

/** A failure is logged and tried again: the loop is what all else hangs on. */
async function tickOnce(work: Work, worker: Worker, { programs, clock, runFolder, log }: Surroundings): Promise<void> {
  try {
    await work.tick(worker);
    await ticked(runFolder, clock);
  } catch (error) {
    if (!programs.stopping) log(`the loop failed:\n${stackOf(error)}`);
  }
}

async function watchOn({ what, everySeconds, look }: Watch, { programs, log }: Surroundings): Promise<void> {
  while (!programs.stopping) {
    try {
      await look();
    } catch (error) {
      if (!programs.stopping) log(`${what} could not be looked at:\n${stackOf(error)}`);
    }
    await pause(everySeconds, programs.signal);
  }
}

/** To the container's log. */
export function logTo(stream: NodeJS.WritableStream, clock: Clock): (text: string) => void {
  return (text) => void stream.write(`${momentText(clock.now())} ${text}\n`);
}
