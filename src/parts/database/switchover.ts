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
/** Patroni itself gives up earlier; seconds. */
const promotionSeconds = 60;
/** Longest wait for the pooler to pause. A transaction that runs longer prevents the switchover. Seconds. */
const pauseSeconds = 15;

/** Ctrl-C does not interrupt a switchover once it has begun: the paused pooler would hold its clients. */
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
 * Makes another member the primary without losing a commit. Returns the longest time without a possible write, in
 * seconds. The pooler holds its clients meanwhile, and HAProxy is told at the promotion instead of waiting for its
 * health checks.
 */
export async function switchDatabase(target: SwitchoverTarget, to: string): Promise<number> {
  const { engine, project, say } = target;
  const primary = await primaryMember(engine, project);
  if (primary.service === to) return 0;
  const candidate = await readyCandidate(target, primary, to);
  // Leaves little to write for the shutdown checkpoint.
  await ask(engine, primary.container, 'CHECKPOINT');
  const probe = await WriteGap.start(engine, candidate.container);
  const poolers = await running(engine, project, poolerService);
  // Connections are opened in advance, so that a command takes only 1 ms at the promotion.
  const proxies = await Promise.all(
    (await running(engine, project, proxyService)).map((id) => HaproxyRuntime.open(engine, id)),
  );
  try {
    for (const id of poolers) await pause(engine, id);
    const order = JSON.stringify({ leader: primary.service, candidate: to });
    // The order goes to the primary, which would otherwise learn of it only at its next look at etcd. It is sent from
    // the candidate, whose image is newer.
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

/** Waits inside the candidate, with one statement that ends at the promotion. Also ends if the order fails. */
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

/** Ends the sessions on the former primary and sends new ones to the new primary, before the next health check. */
const tell = (proxy: HaproxyRuntime, from: string, to: string) =>
  proxy.ask(`set server ${primaryBackend}/${to} health up; set server ${primaryBackend}/${from} health down`);

const poolerCommand = (command: string) => [
  ...['timeout', String(pauseSeconds), 'psql', '-XAtq', `--host=${poolerFolder}`, `--port=${ports.primary}`],
  ...['--username=pgbouncer', '--dbname=pgbouncer', `--command=${command}`],
];

/** Waits for running transactions to end; later statements wait in the pooler. */
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

/** Measures the write gap as an application sees it: requests a transaction id through the proxy, again and again. */
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
