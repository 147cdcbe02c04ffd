/** A private Postgres on restored data: nobody but this process reaches it, and it archives nothing. */

import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Child } from '../../child.ts';
import { failure } from '../../failure.ts';
import { stopwatch } from '../../moments.ts';
import { niceOfDrills } from '../../programs.ts';
import { pause } from '../../wait.ts';
import type { Agent, Progress } from '../agent.ts';
import { scratchConfiguration, serverArgv } from './server-options.ts';

/** Replaying days of WAL of a busy database. What a recovery does meanwhile is in its log. */
const recoverySeconds = 24 * 3600;
/** Fast shutdown with a checkpoint of all that recovery left in memory. */
const stopSeconds = 600;
const pollSeconds = 0.25;
const progressEverySeconds = 30;
const logLines = 400;
const querySeconds = 3600;

const targetNotReached = 'recovery ended before configured recovery target was reached';
/** What is answered to our own question whether it is ready. */
const notYet = ['the database system is starting up', 'the database system is not accepting connections'];

export interface Server {
  data: string;
  /** The folder of its socket. */
  socket: string;
  log: string;
  child: Child;
  programs: Agent['programs'];
}

/**
 * Started, recovered and promoted; ended with the work, however that ends. What it is asked is as low in priority as it is
 * itself: Postgres does the work, and not the program that asks.
 */
export async function running<T>(
  programs: Agent['programs'],
  data: string,
  log: string,
  progress: Progress,
  work: (server: Server) => Promise<T>,
): Promise<T> {
  const socket = await mkdtemp(join(tmpdir(), 'postgres-'));
  try {
    const child = await started(programs, data, socket, log);
    const server = { data, socket, log, child, programs };
    try {
      await waitForRecovery(server, progress);
      const result = await work(server);
      await stop(server);
      return result;
    } finally {
      await programs.end(child);
    }
  } finally {
    await rm(socket, { recursive: true, force: true });
  }
}

/**
 * What is left early is thrown away. A postmaster ends its sessions on SIGQUIT, within 5 s at worst; on SIGTERM it waits for
 * them, and they are in process groups of their own, where ours can't end them.
 */
async function started(programs: Agent['programs'], data: string, socket: string, log: string): Promise<Child> {
  const access = join(socket, 'hba.conf');
  await writeFile(access, 'local all postgres peer\n');
  const argv = await serverArgv(programs, data, socket, access);
  const output = await open(log, 'w');
  try {
    return programs.start(argv, { nice: niceOfDrills, output: output.fd, endsBy: 'SIGQUIT' });
  } finally {
    await output.close();
  }
}

async function waitForRecovery(server: Server, progress: Progress): Promise<void> {
  const elapsed = stopwatch();
  let said = 0;
  while (!(await answers(server))) {
    if (server.child.exitCode() !== undefined) throw await whyEnded(server);
    if (elapsed() > recoverySeconds) {
      throw failure('recovery-failed', `recovery did not end in ${recoverySeconds} s${await lastOf(server)}`);
    }
    if (elapsed() - said > progressEverySeconds) {
      said = elapsed();
      progress('WAL is replayed');
    }
    await pause(pollSeconds, server.programs.signal);
  }
}

async function answers({ programs, socket }: Server): Promise<boolean> {
  return (await programs.run(['pg_isready', '-q', '-h', socket, '-t', '5'], { seconds: 30 })).exitCode === 0;
}

/** What pgBackRest and Postgres complained of meanwhile. A missing next WAL file is how recovery ends, and no complaint. */
export async function complaints({ log }: Server): Promise<string[]> {
  const lines = (await linesOf(log)).slice(-logLines).map((line) => line.replace(/^\S+ \S+ P\d\d +/, ''));
  const found = [...new Set(lines)].filter((line) => /^((ERROR|FATAL|PANIC|WARN|WARNING):|\s+\[)/.test(line));
  return found.filter((line) => !notYet.some((answer) => line.endsWith(answer)));
}

async function linesOf(log: string): Promise<string[]> {
  const text = await readFile(log, 'utf8');
  return text === '' ? [] : text.replace(/\n$/, '').split(/\r?\n/);
}

async function whyEnded(server: Server): Promise<Error> {
  const isMissed = (await complaints(server)).some((line) => line.includes(targetNotReached));
  if (isMissed) return failure('target-unreachable', targetNotReached);
  return failure('recovery-failed', `Postgres ended during recovery${await lastOf(server)}`);
}

async function lastOf(server: Server): Promise<string> {
  const complained = await complaints(server);
  const said = complained.length > 0 ? complained : await linesOf(server.log);
  return `: ${said
    .slice(-8)
    .map((line) => line.trim())
    .join(' / ')}`;
}

async function stop(server: Server): Promise<void> {
  const argv = ['pg_ctl', '-D', server.data, '-m', 'fast', '-w', '-t', String(stopSeconds), 'stop'];
  const done = await server.programs.run(argv, { seconds: stopSeconds + 10 });
  if (done.exitCode !== 0) throw failure('stop-failed', `Postgres did not stop${await lastOf(server)}`);
  await rm(scratchConfiguration(server.data), { force: true });
}

/** What psql prints: values alone, tabs between columns. 'query-failed' with Postgres' words. */
export async function query(
  { programs, socket }: Server,
  database: string,
  sql: string,
  seconds: number = querySeconds,
): Promise<string> {
  const argv = ['psql', '-XAtq', '-F', '\t', '-v', 'ON_ERROR_STOP=1', '-h', socket, '-U', 'postgres', '-d', database];
  const done = await programs.run([...argv, '-f', '-'], { stdin: sql, seconds });
  if (done.exitCode !== 0) throw failure('query-failed', done.stderr.trim());
  return done.stdout.trim();
}
