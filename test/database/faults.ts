import { docker } from '../e2e/harness/docker.ts';
import type { CheckReport, WriteReport } from '../e2e/harness/writers.ts';
import { eventually, type Scene } from './scene.ts';

export interface Outcome extends CheckReport {
  /** The longest time without an acknowledged write, from first to last writer; seconds. */
  gapSeconds: number;
  acknowledged: number;
  /** Statements that surely failed, and those without an answer. */
  failed: number;
  unknown: number;
  /** How long two members acknowledged at the same time; seconds. */
  twoPrimariesSeconds: number;
  timelines: number;
}

/** A fault strikes while writers write, and what it took down is brought back afterwards. */
export interface Fault {
  name: string;
  strike(scene: Scene, primary: string): Promise<void>;
  heal?(scene: Scene, primary: string): Promise<void>;
}

const hostPid = async (id: string) => Number(await docker('inspect', '--format', '{{.State.Pid}}', id));

export const stopped = async (scene: Scene, service: string) => docker('kill', (await scene.container(service)).id);
export const started = async (scene: Scene, service: string) => docker('start', (await scene.container(service)).id);

const network = ({ project }: Scene) => `${project}_horme-database`;

export const faults = {
  /** Killed through the engine, which takes it for the user's wish and leaves it down: its lease must run out. */
  containerKilled: {
    name: 'primary killed, and stays down',
    strike: async (scene, primary) => void (await stopped(scene, primary)),
    heal: async (scene, primary) => void (await started(scene, primary)),
  },
  postmasterKilled: {
    name: 'postmaster killed',
    strike: async (scene, primary) => {
      const { id } = await scene.container(primary);
      await docker('exec', id, 'sh', '-c', 'kill -9 "$(head -n 1 "$PGDATA/postmaster.pid")"');
    },
  },
  /** From outside: the engine sees a crash, and its restart policy brings it back. */
  firstProcessKilled: {
    name: 'first process of the container killed',
    strike: async (scene, primary) => {
      process.kill(await hostPid((await scene.container(primary)).id), 'SIGKILL');
    },
  },
  cutOff: {
    name: 'primary cut off the network',
    strike: async (scene, primary) => {
      await docker('network', 'disconnect', network(scene), (await scene.container(primary)).id);
    },
    heal: async (scene, primary) => {
      const { id } = await scene.container(primary);
      await docker('network', 'connect', '--alias', primary, network(scene), id);
    },
  },
} satisfies Record<string, Fault>;

/** Enough before the fault that what follows is known to be its doing. */
const firstAcknowledgements = 100;
/** As long as writes must go on again for the fault to be over. */
const calmMilliseconds = 2000;

/** Writers write, the fault strikes, writes go on again, and every acknowledged row is looked for. */
export async function underFault(
  scene: Scene,
  fault: Fault,
  options: { url?: string; seconds?: number } = {},
): Promise<Outcome> {
  const primary = await scene.primary();
  const { writers } = scene;
  await writers.start({ writers: 2, ...(options.url !== undefined && { url: options.url }) });
  await eventually(
    () => writers.progress(),
    ({ acknowledged }) => acknowledged > firstAcknowledgements,
    60,
  );
  const report = await healed(
    async () => {
      await fault.strike(scene, primary);
      await writingAgain(scene, options.seconds ?? 120);
      return writers.stop();
    },
    async () => fault.heal?.(scene, primary),
  );
  return outcomeOf(report, await writers.check());
}

/** What a fault took down comes back, also when the test fails meanwhile: or all that come after it would fail too. */
export async function healed<T>(during: () => Promise<T>, heal: () => Promise<unknown>): Promise<T> {
  const result = await during().catch(async (error: unknown) => {
    // What failed first is what is told.
    await heal().catch((also: unknown) => console.error('and what it took down did not come back:', also));
    throw error;
  });
  await heal();
  return result;
}

/** All members have the same rows that the writers wrote, one by one. */
export async function copiesAgree(scene: Scene, members: string[]): Promise<void> {
  const checksum = (member: string) =>
    scene.sql(member, "SELECT md5(string_agg(id, ',' ORDER BY id)) FROM acknowledged");
  await scene.settled(members.length - 1);
  await eventually(
    async () => new Set(await Promise.all(members.map(checksum))).size,
    (different) => different === 1,
    30,
  );
}

/** No gap of more than a second within the last two. */
export async function writingAgain(scene: Scene, seconds: number): Promise<void> {
  let calmSince = performance.now();
  await eventually(
    () => scene.writers.progress(),
    ({ lastAcknowledgedMillisecondsAgo: ago }) => {
      if (ago === null || ago > 1000) calmSince = performance.now();
      return performance.now() - calmSince > calmMilliseconds;
    },
    seconds,
  );
}

export function outcomeOf(report: WriteReport, check: CheckReport): Outcome {
  const servers = report.servers.toSorted((a, b) => a.first - b.first);
  const overlaps = servers.slice(1).map((server, index) => (servers[index]?.last ?? 0) - server.first);
  return {
    ...check,
    gapSeconds: report.longestGapMilliseconds / 1000,
    acknowledged: report.acknowledged,
    failed: report.failed,
    unknown: report.unknown,
    twoPrimariesSeconds: Math.max(0, ...overlaps) / 1000,
    timelines: new Set(report.servers.flatMap(({ timelines }) => timelines)).size,
  };
}

export const shown = ({ gapSeconds, acknowledged, lost, unexpected, recovered, failed }: Outcome): string =>
  `no write for ${gapSeconds.toFixed(1)} s, ${acknowledged} acknowledged, ${lost} lost, ${unexpected} unexpected, ${recovered} recovered, ${failed} refused`;
