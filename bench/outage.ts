import { setTimeout as delay } from 'node:timers/promises';
import { firstBackups, statusOf, withBackup } from '../test/backup/stage.ts';
import { eventually, type Scene } from '../test/database/scene.ts';
import { round, type Part } from './measure.ts';
import { withBucket } from './scene.ts';

const minutes = Number(process.env['HORME_BENCH_MINUTES'] ?? 60);
const lookMilliseconds = 2000;
const mebibyte = 1024 ** 2;

/** The bucket hangs while two writers write: when that shows, what it costs, and how it is made good. */
export const outage: Part = {
  name: 'outage',
  about: `a bucket that hangs for ${minutes} minutes (HORME_BENCH_MINUTES) while two writers write`,
  page: 'reliability',
  measure: () =>
    // Not moto, which has its data in a process that may end over the connections which have waited.
    withBucket('bench-outage', 'ceph', async ({ scene, s3 }) => {
      await scene.deploy({ replicas: 0 }, withBackup({ scene, s3 }));
      await firstBackups(scene);
      const { writers } = scene;
      await writers.start({ writers: 2, pauseMilliseconds: 20 });
      await writers.untilWriting(30);
      await untilArchiving(scene);
      await s3.pause();
      const away = await whileAway(scene);
      await s3.resume();
      const resumed = performance.now();
      await untilArchiving(scene);
      const caughtUp = (performance.now() - resumed) / 1000;
      const report = await writers.stop();
      const { lost } = await writers.check();
      const { gaps } = (await statusOf(scene)).backup.database;
      await scene.must('backup', 'now', '--json');
      const drill = await scene.horme(['backup', 'drill', '--repository', '2', '--json']);
      return {
        title: 'A bucket that hangs',
        columns: [
          ...['minutes', 'shown after s', 'falsely well', 'pg_wal peak MiB', 'acknowledged', 'lost'],
          ...['caught up after s', 'gaps', 'drill of the bucket'],
        ],
        rows: [
          [
            ...[minutes, round(away.shownAfter), away.falselyWell, round(away.peakBytes / mebibyte)],
            ...[report.acknowledged, lost, round(caughtUp), gaps.length, drill.exitCode === 0 ? 'proven' : 'failed'],
          ],
        ],
        notes: [
          'Connections to the bucket hang without an answer. Shown: `horme status` says that archiving fails, as the metric does. Falsely well: looks after that at which it did not.',
          'Caught up: nothing waits, and every repository was looked at for gaps.',
        ],
      };
    }),
};

/** Also since the first deploy: what failed before the repositories were ready counts until they were looked at. */
async function untilArchiving(scene: Scene): Promise<void> {
  await eventually(
    () => statusOf(scene),
    ({ backup }) => !backup.database.archiveFailing,
    900,
  );
}

async function whileAway(scene: Scene): Promise<{ shownAfter: number; falselyWell: number; peakBytes: number }> {
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  const seen = { shownAfter: Number.NaN, falselyWell: 0, peakBytes: 0 };
  while (seconds() < minutes * 60) {
    const { archiveFailing, walBytes } = (await statusOf(scene)).backup.database;
    if (archiveFailing && Number.isNaN(seen.shownAfter)) seen.shownAfter = seconds();
    if (!archiveFailing && !Number.isNaN(seen.shownAfter)) seen.falselyWell++;
    seen.peakBytes = Math.max(seen.peakBytes, walBytes);
    await delay(lookMilliseconds);
  }
  return seen;
}
