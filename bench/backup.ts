import type { ListAnswer } from '../src/agent/backup/contract.ts';
import { firstBackups, withBackup } from '../test/backup/stage.ts';
import { type Scene } from '../test/database/scene.ts';
import { docker } from '../test/e2e/harness/docker.ts';
import { median, ratio, round, type Part } from './measure.ts';
import { withBucket } from './scene.ts';

/** Half of it pgbench's rows, which are mostly blanks, half of it text that halves at best. */
const gibibytes = Number(process.env['HORME_BENCH_GIB'] ?? 1);
const fill = `pgbench --initialize --scale=${Math.ceil(35 * gibibytes)} --quiet && psql --quiet --command "
  CREATE TABLE documents AS SELECT id, (SELECT string_agg(md5(id::text || part), '') FROM generate_series(1, 16) part) AS body
  FROM generate_series(1, ${Math.ceil(900_000 * gibibytes)}) id"`;
const gibibyte = 1024 ** 3;
const rate = 50;
const turns = Number(process.env['HORME_BENCH_RUNS'] ?? 3);
/** Of the repositories, in their order. */
const names = ['local repository', 'bucket (Ceph)'];

interface Proof {
  restoreSeconds: number;
  replaySeconds: number;
  seconds: number;
  bytes: number;
}

/** A database of about 1 GiB (HORME_BENCH_GIB): backed up, restored from each repository by a drill, beside a plain copy. */
export const backup: Part = {
  name: 'backup',
  about:
    'a full backup and its restore, by the bucket and the local repository, against a plain copy of the same files',
  page: 'reliability',
  measure: () =>
    withBucket('bench-backup', 'ceph', async ({ scene, s3 }) => {
      await scene.deploy({ replicas: 0, memory: '512m' }, withBackup({ scene, s3 }));
      await firstBackups(scene);
      await asApplication(scene, fill);
      await scene.must('backup', 'now', '--full', '--json');
      const copies: number[] = [];
      const restores = names.map((): Proof[] => []);
      for (let turn = 0; turn < turns; turn++) {
        copies.push(await plainCopy(scene));
        for (const [index, proofs] of restores.entries()) proofs.push(await drill(scene, index + 1));
      }
      const proofs = restores.map(middle);
      return result(median(copies), proofs, await storedBytes(scene), await latencies(scene, proofs));
    }),
};

/** By the time until it answers. */
const middle = (proofs: Proof[]): Proof =>
  proofs.toSorted((a, b) => a.seconds - b.seconds)[Math.floor(proofs.length / 2)] as Proof;

/** What the full backup takes in the repository. */
async function storedBytes(scene: Scene): Promise<number> {
  const { histories } = (await scene.must('backup', 'list', '--json')).json as unknown as ListAnswer;
  return histories[0]?.repositories[0]?.backups.at(-1)?.repositoryBytes ?? Number.NaN;
}

/** In the agent's container, from one volume of it to another, as a drill writes: the data is restored there first. */
async function plainCopy(scene: Scene): Promise<number> {
  const script = `set -e; cd /var/lib/horme-backup; sync; s=$(date +%s.%N); cp -a /source/17 scratch/copy; sync; e=$(date +%s.%N)
    rm -rf scratch/copy; echo "$e - $s" | awk '{print $1 - $3}'`;
  const mounts = [
    `${scene.project}_horme-postgres-1-data:/source:ro`,
    `${scene.project}_horme-backup-scratch:/var/lib/horme-backup/scratch`,
  ];
  const { id } = await scene.container('horme-backup');
  const image = await docker('inspect', '--format', '{{.Image}}', id);
  const volumes = mounts.flatMap((mount) => ['--volume', mount]);
  return Number(
    await docker('run', '--rm', '--user', '70:70', ...volumes, '--entrypoint', 'bash', image, '-c', script),
  );
}

async function drill(scene: Scene, repository: number): Promise<Proof> {
  const { json } = await scene.must('backup', 'drill', '--repository', String(repository), '--json');
  return json as unknown as Proof;
}

/** The 99th percentile of transactions at an even rate, while nothing else happens and beside drills; milliseconds. */
async function latencies(scene: Scene, before: Proof[]): Promise<number[]> {
  const seconds = Math.round(Math.max(15, ...before.map(({ seconds }) => 2 * seconds)));
  const measured: number[][] = [[], ...before.map(() => [])];
  for (let turn = 0; turn < turns; turn++) {
    measured[0]?.push(await p99(scene, seconds));
    for (const index of before.keys()) {
      const [latency] = await Promise.all([p99(scene, seconds), drill(scene, index + 1)]);
      measured[index + 1]?.push(latency);
    }
  }
  return measured.map(median);
}

async function p99(scene: Scene, seconds: number): Promise<number> {
  const load = `pgbench --client=4 --jobs=1 --rate=${rate} --time=${seconds} --no-vacuum --log --log-prefix=/tmp/log`;
  const milliseconds = `awk '{ print $3 / 1000 }' /tmp/log*`;
  const nearestRank = `sort -n | awk '{ all[NR] = $1 } END { print all[int(NR * 0.99)] }'`;
  return Number(await asApplication(scene, `${load} >/dev/null && ${milliseconds} | ${nearestRank}`));
}

/** Through the proxy, from a container of its own on the database's network. */
async function asApplication(scene: Scene, script: string): Promise<string> {
  const writer = await scene.container('writer');
  const url = new URL(await docker('exec', writer.id, 'cat', '/run/secrets/database_url'));
  const member = await scene.container('horme-postgres-1');
  const image = await docker('inspect', '--format', '{{.Image}}', member.id);
  const variables = {
    ...{ PGHOST: 'horme-database', PGSSLMODE: 'require' },
    ...{ PGUSER: url.username, PGPASSWORD: url.password, PGDATABASE: url.pathname.slice(1) },
  };
  const environment = Object.entries(variables).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
  const words = ['run', '--rm', '--network', `${scene.project}_horme-database`, '--entrypoint', 'bash'];
  return docker(...words, ...environment, image, '-c', script);
}

function result(copySeconds: number, proofs: Proof[], stored: number, [alone = NaN, ...beside]: number[]) {
  const size = Math.max(...proofs.map(({ bytes }) => bytes)) / gibibyte;
  const perGibibyte = copySeconds / size;
  return {
    title: 'Restoring a backup',
    columns: [
      ...['from', 'GiB', 'restore s', 's per GiB', 'to a plain copy', 'until it answers s'],
      ...['p99 meanwhile ms', 'to p99 alone'],
    ],
    rows: [
      ['plain copy (cp -a, sync)', round(size, 2), round(copySeconds, 1), round(perGibibyte, 1), 1, '-', '-', '-'],
      ...proofs.map(({ restoreSeconds, seconds, bytes }, index) => [
        ...[names[index] ?? '', round(bytes / gibibyte, 2), round(restoreSeconds, 1)],
        ...[round((restoreSeconds / bytes) * gibibyte, 1), ratio((restoreSeconds / bytes) * gibibyte, perGibibyte)],
        ...[round(seconds, 1), round(beside[index] ?? NaN), ratio(beside[index] ?? NaN, alone)],
      ]),
    ],
    notes: [
      `Of a drill: the newest full backup (${round(stored / gibibyte, 2)} GiB compressed) into an empty folder of the agent, with all WAL after it, started and promoted. The copy reads the running database’s own files.`,
      `p99: of ${rate} transactions of pgbench a second through the proxy, ${round(alone)} ms alone. The client and the bucket share the machine's cores with it.`,
      `Medians of ${turns} turns. The agent may use one CPU and reads the bucket over TLS; backups are encrypted. A copy is neither.`,
    ],
  };
}
