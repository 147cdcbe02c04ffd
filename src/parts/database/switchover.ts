import type { Duplex } from 'node:stream';
import { until, type Context } from '../../deploy/context.ts';
import { HaproxyRuntime } from '../../traffic/runtime.ts';
import type { Engine, ExecResult } from '../../engine/engine.ts';
import { labels } from '../../engine/labels.ts';
import { neverAborted } from '../../engine/patience.ts';
import { OperatorError, exitCodes } from '../../errors.ts';
import { synchronousMembers } from './failover.ts';
import { psql, type SeenMember } from './members.ts';
import { authorityFile, poolerService, ports, proxyService, secretFile } from './names.ts';
import { poolerFolder } from './pooler.ts';
import { primaryBackend } from './proxy.ts';
import { ask, database, primaryMember } from './psql.ts';
import { releasedDatabase } from './sections.ts';

/** How long the candidate may take to follow its primary, and with `zero-loss` to become synchronous; seconds. */
const candidateSeconds = 60;
/** Patroni gives up by itself before; seconds. */
const promotionSeconds = 60;
/** A transaction that runs longer keeps the pooler from pausing, and the switchover from beginning; seconds. */
const pauseSeconds = 15;

/** A switchover is not left half done, with a pooler that holds its clients: an interrupt waits for these few. */
const begun = { deadlineSeconds: promotionSeconds + 10, signal: neverAborted };

export interface SwitchoverTarget {
  engine: Engine;
  project: string;
  zeroLoss: boolean;
  signal: AbortSignal;
  say(detail: string): void;
}

/** The step of a deploy. */
export const switchOver = async ({ engine, content, signal, emit }: Context, id: string, to: string): Promise<void> => {
  const say = (detail: string) => emit({ kind: 'step-progress', id, detail });
  await switchDatabase(
    { engine, project: content.project, zeroLoss: releasedDatabase(content)?.zeroLoss ?? false, signal, say },
    to,
  );
};

/**
 * Makes another member the primary without losing a commit; gives the longest time in which no write was possible, in seconds.
 * HAProxy is told in the moment of the promotion instead of finding out by its checks, and a pooler holds its clients meanwhile.
 */
export async function switchDatabase(target: SwitchoverTarget, to: string): Promise<number> {
  const { engine, project, say } = target;
  const primary = await primaryMember(engine, project);
  if (primary.service === to) return 0;
  const candidate = await readyCandidate(target, primary, to);
  // What must be written at the shutdown is little then.
  await ask(engine, primary.container, 'CHECKPOINT');
  const probe = await WriteGap.start(engine, candidate.container);
  const poolers = await running(engine, project, poolerService);
  // Opened before: to tell one takes a millisecond then.
  const proxies = await Promise.all(
    (await running(engine, project, proxyService)).map((id) => HaproxyRuntime.open(engine, id)),
  );
  try {
    for (const id of poolers) await pause(engine, id);
    const order = JSON.stringify({ leader: primary.service, candidate: to });
    // The primary must hear it, or it finds out by its next look at etcd; the candidate has the newer image to tell it.
    const ordered = engine.exec(
      candidate.container,
      ['ask-patroni', primary.service, 'POST', '/switchover', order],
      begun,
    );
    await promoted(engine, candidate, ordered);
    await Promise.all(proxies.map((proxy) => tell(proxy, primary.service, to)));
  } finally {
    for (const id of poolers) await engine.exec(id, poolerCommand('RESUME'), begun);
    proxies.forEach((proxy) => proxy.close());
  }
  const seconds = await probe.stop();
  say(`${to} leads; no write was possible for ${seconds.toFixed(2)} s`);
  return seconds;
}

async function readyCandidate(
  { engine, project, zeroLoss, signal }: SwitchoverTarget,
  primary: SeenMember,
  to: string,
) {
  let candidate: SeenMember | undefined;
  let follows = false;
  const able = await until(
    async () => {
      candidate = (await database(engine, project)).members.find(({ service }) => service === to);
      follows = candidate?.streaming === true && (await streamsFrom(engine, primary, to));
      return follows && (!zeroLoss || ((await synchronousMembers(engine, primary))?.includes(to) ?? false));
    },
    { seconds: candidateSeconds, everyMilliseconds: 200, signal },
  );
  if (able && candidate) return candidate;
  const why = follows ? 'it is not synchronous, so a commit could be lost' : 'it does not follow the primary';
  throw new OperatorError(`${to} can't become the primary: ${why}`, {
    code: 'switchover-impossible',
    exitCode: exitCodes.checkFailed,
    lastSeen: `${to} ${candidate ? 'answers' : 'does not answer'} after ${candidateSeconds} s`,
    next: 'horme db status',
  });
}

async function streamsFrom(engine: Engine, primary: SeenMember, to: string): Promise<boolean> {
  const question = `SELECT count(*) FROM pg_stat_replication WHERE application_name = '${to}' AND state = 'streaming'`;
  return (await ask(engine, primary.container, question)) !== '0';
}

/** Asked inside the candidate, by one statement that ends with the promotion; it is over when the order itself fails, too. */
async function promoted(engine: Engine, candidate: SeenMember, ordered: Promise<ExecResult>): Promise<void> {
  const loop = 'BEGIN WHILE pg_is_in_recovery() LOOP PERFORM pg_sleep(0.01); END LOOP; END';
  const limit = `--command=SET statement_timeout = '${promotionSeconds}s'`;
  const waiting = engine.exec(candidate.container, psql('postgres', limit, `--command=DO $$${loop}$$`), begun);
  const failed = ordered.then(async ({ exitCode, output }) => {
    if (exitCode !== 0) throw refused(candidate.service, output);
    return waiting;
  });
  const { exitCode, output } = await Promise.race([waiting, failed]);
  if (exitCode !== 0) throw refused(candidate.service, output);
}

function refused(to: string, output: string): OperatorError {
  return new OperatorError(`the switchover to ${to} did not happen`, {
    code: 'switchover-failed',
    exitCode: exitCodes.checkFailed,
    lastSeen: output.trim(),
    next: 'horme db status',
  });
}

async function running(engine: Engine, project: string, service: string): Promise<string[]> {
  const containers = await engine.containers({ [labels.project]: project, [labels.service]: service });
  return containers.filter(({ state }) => state === 'running').map(({ id }) => id);
}

/** Sessions on the former primary end, and new ones go to the new one, before the next check. */
const tell = (proxy: HaproxyRuntime, from: string, to: string) =>
  proxy.ask(`set server ${primaryBackend}/${to} health up; set server ${primaryBackend}/${from} health down`);

const poolerCommand = (command: string) => [
  ...['timeout', String(pauseSeconds), 'psql', '-XAtq', `--host=${poolerFolder}`, `--port=${ports.primary}`],
  ...['--username=pgbouncer', '--dbname=pgbouncer', `--command=${command}`],
];

/** Waits for transactions under way; statements that come after wait in the pooler. */
async function pause(engine: Engine, id: string): Promise<void> {
  const { exitCode, output } = await engine.exec(id, poolerCommand('PAUSE'), begun);
  if (exitCode === 0) return;
  throw new OperatorError(`the pooler could not be paused within ${pauseSeconds} s: a transaction runs longer`, {
    code: 'pooler-busy',
    exitCode: exitCodes.checkFailed,
    lastSeen: output.trim(),
    next: 'horme db psql   (pg_stat_activity shows who), then run the same command again',
  });
}

/** Asks for a transaction id through the proxy all the time, as an application would: what the application feels. */
class WriteGap {
  readonly #stream: Duplex;
  #received = '';

  private constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on('data', (chunk: Buffer) => (this.#received += chunk.toString('utf8')));
  }

  static async start(engine: Engine, container: string): Promise<WriteGap> {
    const words = [
      proxyService,
      String(ports.primary),
      'monitor',
      secretFile('monitor-password'),
      secretFile(authorityFile),
    ];
    return new WriteGap(await engine.converse(container, ['write-gap', ...words], { signal: neverAborted }));
  }

  async stop(): Promise<number> {
    const ended = new Promise((resolve) => this.#stream.once('end', resolve).once('close', resolve));
    this.#stream.end();
    await ended;
    const line = this.#received.trim().split('\n').at(-1) ?? '';
    try {
      return (JSON.parse(line) as { worstGapSeconds: number }).worstGapSeconds;
    } catch {
      throw new Error(`the gap in writes was not measured: ${this.#received.trim().slice(-500)}`);
    }
  }
}
