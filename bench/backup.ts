import { firstBackups, withBackup } from '../test/backup/stage.ts';
import { type Scene } from '../test/database/scene.ts';
import { docker } from '../test/e2e/harness/docker.ts';
import { median, ratio, round, type Part } from './measure.ts';
import { withBucket } from './scene.ts';

/** pgbench's scale: 15 MB each. */
const scale = Number(process.env['HORME_BENCH_SCALE'] ?? 70);
const gibibyte = 1024 ** 3;
const rate = 50;
const turns = Number(process.env['HORME_BENCH_RUNS'] ?? 3);

interface Proof {
  restoreSeconds: number;
  replaySeconds: number;
  seconds: number;
  bytes: number;
}

/** A database of about 1 GiB (HORME_BENCH_SCALE): backed up, restored from each repository by a drill, beside a plain copy. */
export const backup: Part = {
  name: 'backup',
  about:
    'a full backup and its restore, by the bucket and the local repository, against a plain copy of the same files',
  page: 'reliability',
  measure: () =>
    withBucket('bench-backup', 'ceph', async ({ scene, s3 }) => {
      await scene.deploy({ replicas: 0, memory: '512m' }, withBackup({ scene, s3 }));
      await firstBackups(scene);
      await asApplication(scene, `pgbench --initialize --scale=${scale} --quiet`);
      await scene.must('backup', 'now', '--full', '--json');
      const copySeconds = await plainCopy(scene);
      const proofs = { local: await drill(scene, 1), 'bucket (Ceph)': await drill(scene, 2) };
      return result(copySeconds, proofs, await latencies(scene, proofs['bucket (Ceph)']));
    }),
};

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

interface Latency {
  alone: number;
  beside: number;
}

/** The 99th percentile of transactions at an even rate, while nothing else happens and beside a drill; milliseconds. */
async function latencies(scene: Scene, before: Proof): Promise<Latency> {
  const seconds = Math.round(Math.max(15, before.seconds));
  const alone: number[] = [];
  const beside: number[] = [];
  for (let turn = 0; turn < turns; turn++) {
    alone.push(await p99(scene, seconds));
    const [latency] = await Promise.all([p99(scene, seconds), drill(scene, 2)]);
    beside.push(latency);
  }
  return { alone: median(alone), beside: median(beside) };
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

function result(copySeconds: number, proofs: Record<string, Proof>, { alone, beside }: Latency) {
  const sizes = Object.values(proofs).map(({ bytes }) => bytes);
  const size = Math.max(...sizes) / gibibyte;
  const copy = [
    'plain copy (cp -a, sync)',
    round(size, 2),
    round(copySeconds, 1),
    round(copySeconds / size, 1),
    1,
    '-',
  ];
  return {
    title: 'Restoring a backup',
    columns: ['from', 'GiB', 'restore s', 's per GiB', 'to a plain copy', 'until it answers s'],
    rows: [
      copy,
      ...Object.entries(proofs).map(([from, { restoreSeconds, seconds, bytes }]) => [
        from,
        round(bytes / gibibyte, 2),
        round(restoreSeconds, 1),
        round((restoreSeconds / bytes) * gibibyte, 1),
        ratio(restoreSeconds / bytes, copySeconds / (size * gibibyte)),
        round(seconds, 1),
      ]),
    ],
    notes: [
      'Of a drill: the newest full backup into an empty folder of the agent, with all WAL after it, started and promoted. The copy reads the running database’s own files.',
      `Of ${rate} transactions of pgbench a second through the proxy, the 99th percentile takes ${round(alone)} ms, and ${round(beside)} ms beside a drill of the bucket (${ratio(beside, alone)}; medians of ${turns} turns, the client shares the machine's cores).`,
      'The agent may use one CPU and reads the bucket over TLS; backups are encrypted and compressed by zstd. A copy is neither.',
    ],
  };
}
