import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Report, TrafficOptions } from './traffic.ts';
import type { Command, Reply } from './traffic/child.ts';

export interface TrafficProcess {
  snapshot(): Promise<Report>;
  /** The report; the process has ended then. */
  stop(): Promise<Report>;
  /** For `afterEach`: ends the process without a report. Does nothing when it has ended. */
  kill(): void;
}

type Waiting = { resolve: (reply: Reply) => void; reject: (error: Error) => void };

/** `tsx` and what it needs are found from the repository's root. */
const root = fileURLToPath(new URL('../..', import.meta.url));
const child = fileURLToPath(new URL('./traffic/child.ts', import.meta.url));
/** The slowest request takes 12 s at most; starting a process on a busy machine takes seconds. */
const replyMilliseconds = 30_000;

/** As `startTraffic`, in a process of its own: what the test does cannot delay a request. Resolves when traffic flows. */
export async function forkTraffic(options: TrafficOptions): Promise<TrafficProcess> {
  const forked = fork(child, [], {
    cwd: root,
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const ask = conversation(forked);
  await ask({ command: 'start', options });
  const reportOf = ({ report }: Reply): Report => {
    if (!report) throw new Error('the traffic process sent no report');
    return report;
  };
  return {
    snapshot: async () => reportOf(await ask({ command: 'snapshot' })),
    stop: async () => {
      const report = reportOf(await ask({ command: 'stop' }));
      forked.disconnect();
      return report;
    },
    kill: () => void forked.kill('SIGKILL'),
  };
}

type Unnumbered<T> = T extends { id: number } ? Omit<T, 'id'> : never;

function conversation(forked: ChildProcess): (command: Unnumbered<Command>) => Promise<Reply> {
  const waiting = new Map<number, Waiting>();
  let last = 0;
  const endAll = (message: string): void => {
    for (const { reject } of waiting.values()) reject(new Error(message));
    waiting.clear();
  };
  forked.on('message', (reply: Reply) => {
    const asked = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (reply.error === undefined) asked?.resolve(reply);
    else asked?.reject(new Error(reply.error));
  });
  forked.on('error', (error) => endAll(`the traffic process: ${error.message}`));
  forked.on('exit', (code, signal) => endAll(`the traffic process ended with ${signal ?? code}`));
  return (command) =>
    new Promise((resolve, reject) => {
      const id = ++last;
      const timer = setTimeout(() => {
        waiting.delete(id);
        forked.kill('SIGKILL');
        reject(new Error(`the traffic process did not answer '${command.command}' in ${replyMilliseconds / 1000} s`));
      }, replyMilliseconds);
      const settled =
        <T>(then: (value: T) => void) =>
        (value: T): void => {
          clearTimeout(timer);
          then(value);
        };
      waiting.set(id, { resolve: settled(resolve), reject: settled(reject) });
      if (!forked.connected) return endAll('the traffic process has ended');
      forked.send({ ...command, id });
    });
}
