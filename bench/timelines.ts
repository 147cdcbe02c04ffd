import { type Scene } from '../test/database/scene.ts';
import { faults } from '../test/database/faults.ts';
import { percentile, round, type Part } from './measure.ts';
import { withScene } from './scene.ts';

/** HORME_BENCH_RUNS makes it shorter, for a look. */
const rounds = Number(process.env['HORME_BENCH_RUNS'] ?? 20);
const rowsARound = 100;

interface Moment {
  at: string;
  rows: number;
  how: string;
}

/** Moments before a change of timeline, restored when all of the changes are behind: each must have its rows, and no other. */
export const timelines: Part = {
  name: 'timelines',
  about: 'restores of moments from before switchovers and failovers',
  page: 'reliability',
  measure: () =>
    withScene('bench-timelines', async (scene) => {
      const never = { schedule: '0 0 29 2 *', drill: '0 0 29 2 *' };
      await scene.deploy({ replicas: 1, failover: 'fast' }, { top: { backup: never } });
      await scene.must('backup', 'now', '--json');
      await ask(scene, 'CREATE TABLE marks (id int)');
      const moments: Moment[] = [];
      for (let round = 1; round <= rounds; round++) moments.push(await changed(scene, round));
      const seconds = { switchover: [] as number[], 'primary killed': [] as number[] };
      const right = { switchover: 0, 'primary killed': 0 };
      for (const { at, rows, how } of moments) {
        const started = performance.now();
        await scene.must('restore', '--to', at, '--as', 'then', '--json');
        const kind = how as keyof typeof seconds;
        seconds[kind].push((performance.now() - started) / 1000);
        const found = Number(await ask(scene, 'SELECT count(*) FROM marks', 'then'));
        if (found === rows) right[kind]++;
        console.log(`${at}, before ${how}: ${found} rows of ${rows}`);
        await ask(scene, 'DROP DATABASE "then"');
      }
      return {
        title: 'Moments from before a change of timeline',
        columns: ['before', 'moments', 'restored with exactly their rows', 'p50 s', 'max s'],
        rows: (Object.keys(seconds) as (keyof typeof seconds)[])
          .filter((how) => seconds[how].length > 0)
          .map((how) => [
            ...[how, seconds[how].length, right[how]],
            ...[round(percentile(seconds[how], 0.5)), round(Math.max(...seconds[how]))],
          ]),
        notes: [
          `Each is restored beside production (\`horme restore --to … --as …\`) from the first backup, through all timelines up to its own.`,
        ],
      };
    }),
};

/** Rows, a moment, then a new timeline: by command and by a kill, in turns. */
async function changed(scene: Scene, round: number): Promise<Moment> {
  await ask(scene, `INSERT INTO marks SELECT generate_series(1, ${rowsARound})`);
  const at = await ask(scene, 'SELECT clock_timestamp()');
  await ask(scene, 'SELECT pg_sleep(1)');
  await ask(scene, 'INSERT INTO marks VALUES (0)');
  const kills = round % 2 === 0;
  if (kills) {
    const primary = await scene.primary();
    await faults.containerKilled.strike(scene, primary);
    await faults.containerKilled.heal(scene, primary);
  } else await scene.must('db', 'switchover');
  await scene.settled(1);
  return { at, rows: round * rowsARound + round - 1, how: kills ? 'primary killed' : 'switchover' };
}

async function ask(scene: Scene, statement: string, database?: string): Promise<string> {
  return scene.sql(await scene.primary(), statement, database);
}
