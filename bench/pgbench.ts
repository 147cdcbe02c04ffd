import { docker } from '../test/e2e/harness/docker.ts';
import { type Scene } from '../test/database/scene.ts';
import { median, ratio, round, type Part } from './measure.ts';
import { withScene } from './scene.ts';

const runs = 3;
const seconds = 8;
const clients = 8;

interface Speed {
  perSecond: number;
  milliseconds: number;
}

/** TPC-B-like transactions of pgbench, as the application's own role over TLS, from beside the members. */
export const pgbench: Part = {
  name: 'pgbench',
  about: 'pgbench through the proxy and the pooler against Postgres itself; what zero-loss costs',
  measure: () =>
    withScene('bench-pgbench', async (scene) => {
      await scene.deploy({ replicas: 1, pooler: true });
      await scene.settled(1);
      const primary = await scene.primary();
      await bench(scene, primary, ['--initialize', '--scale=5', '--quiet']);
      const ways = {
        'Postgres itself': primary,
        'through the proxy': 'horme-database',
        'through the pooler': 'horme-pooler',
      };
      const speeds: Record<string, Speed[]> = {};
      for (let turn = 0; turn < runs; turn++)
        for (const [way, host] of Object.entries(ways)) (speeds[way] ??= []).push(await speed(scene, host));
      await scene.deploy({ replicas: 1, pooler: true, durability: 'zero-loss' });
      await scene.settled(1, { synchronous: true });
      const direct = await scene.primary();
      speeds['zero-loss, Postgres itself'] = [];
      for (let turn = 0; turn < runs; turn++) speeds['zero-loss, Postgres itself'].push(await speed(scene, direct));
      return result(speeds);
    }),
};

function result(speeds: Record<string, Speed[]>) {
  const middle = (way: string, of: (one: Speed) => number) => median((speeds[way] ?? []).map(of));
  const base = (of: (one: Speed) => number) => middle('Postgres itself', of);
  const rate = ({ perSecond }: Speed) => perSecond;
  const time = ({ milliseconds }: Speed) => milliseconds;
  return {
    title: 'pgbench: the way to the database, and what zero-loss costs',
    columns: ['way', 'transactions/s', 'to Postgres itself', 'mean latency ms', 'to Postgres itself'],
    rows: Object.keys(speeds).map((way) => [
      way,
      round(middle(way, rate)),
      ratio(middle(way, rate), base(rate)),
      round(middle(way, time), 2),
      ratio(middle(way, time), base(time)),
    ]),
    notes: [
      `Medians of ${runs} runs of ${seconds} s, ${clients} clients, in turns; the client shares the machine's cores with all members.`,
      'A commit on one disk: with members on two machines the network comes on top for zero-loss.',
    ],
  };
}

async function speed(scene: Scene, host: string): Promise<Speed> {
  const output = await bench(scene, host, [`--client=${clients}`, '--jobs=2', `--time=${seconds}`, '--no-vacuum']);
  const perSecond = Number(/tps = ([\d.]+)/.exec(output)?.[1]);
  const milliseconds = Number(/latency average = ([\d.]+) ms/.exec(output)?.[1]);
  if (!(perSecond > 0)) throw new Error(`pgbench printed no speed: ${output.slice(-500)}`);
  return { perSecond, milliseconds };
}

/** As the application, whose address the writer has in its secrets. */
async function bench(scene: Scene, host: string, words: string[]): Promise<string> {
  const writer = await scene.container('writer');
  const url = new URL(await docker('exec', writer.id, 'cat', '/run/secrets/database_url'));
  const { id } = await scene.container('horme-postgres-2');
  const variables = [`PGPASSWORD=${url.password}`, 'PGSSLMODE=verify-full', 'PGSSLROOTCERT=/run/secrets/database-ca'];
  const place = [`--host=${host}`, '--port=5432', `--username=${url.username}`, ...words, url.pathname.slice(1)];
  return docker('exec', ...variables.flatMap((one) => ['--env', one]), id, 'pgbench', ...place);
}
