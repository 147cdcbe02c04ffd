import { faults, outcomeOf, underFault, writingAgain, type Fault, type Outcome } from '../test/database/faults.ts';
import { type Scene } from '../test/database/scene.ts';
import { percentile, round, type Part } from './measure.ts';
import { withScene } from './scene.ts';

/** HORME_BENCH_RUNS makes all of them smaller, for a look; the full counts take an hour and a half. */
const most = Number(process.env['HORME_BENCH_RUNS'] ?? Number.POSITIVE_INFINITY);

interface Series {
  what: string;
  fault: Fault;
  runs: number;
}

interface Setting {
  name: string;
  database: Record<string, unknown>;
  synchronous?: boolean;
  series: Series[];
}

const switchover: Fault = {
  name: 'switchover by command',
  strike: async (scene) => void (await scene.must('db', 'switchover')),
};

const series = (fault: Fault, runs: number): Series => ({ what: fault.name, fault, runs });

const settings: Setting[] = [
  {
    name: 'async, normal',
    database: { replicas: 1 },
    series: [
      series(faults.containerKilled, 10),
      series(faults.postmasterKilled, 10),
      series(faults.firstProcessKilled, 10),
      series(faults.cutOff, 5),
      series(switchover, 10),
    ],
  },
  { name: 'async, fast', database: { replicas: 1, failover: 'fast' }, series: [series(faults.containerKilled, 10)] },
  {
    name: 'zero-loss, fast',
    database: { replicas: 1, failover: 'fast', durability: 'zero-loss' },
    synchronous: true,
    series: [series(faults.containerKilled, 20), series(switchover, 5)],
  },
  {
    name: 'with the pooler',
    database: { replicas: 1, failover: 'fast', pooler: true },
    series: [series(switchover, 10)],
  },
];

/** Faults of the database under two writers of unique ids: for how long nobody could write, and what was lost. */
export const database: Part = {
  name: 'database',
  about: 'faults of the database under writes: the gap, and acknowledged rows that were lost',
  page: 'reliability',
  measure: () =>
    withScene('bench-database', async (scene) => {
      const rows = [];
      for (const setting of settings) rows.push(...(await measured(scene, setting)));
      rows.push(await replicaAdded(scene));
      return {
        title: 'Faults of the database',
        columns: [
          'fault',
          'setting',
          'n',
          'gap p50 s',
          'p95 s',
          'max s',
          'acknowledged',
          'lost',
          'unexpected',
          'refused',
          'two primaries s',
        ],
        rows,
        notes: [
          'Two writers insert unique ids through the proxy (or the pooler), one statement at a time, and note each acknowledgement. The gap is the longest time without any.',
          '`lost`: acknowledged, and not in the database afterwards. `unexpected`: there, and never acknowledged nor in doubt. `refused`: statements and connections that failed meanwhile.',
          '`async` may lose the last commits of a primary that is killed; `zero-loss` may not.',
        ],
      };
    }),
};

async function measured(scene: Scene, { name, database: wanted, synchronous, series: all }: Setting) {
  await scene.deploy(wanted);
  const rows = [];
  for (const { what, fault, runs } of all) {
    const outcomes: Outcome[] = [];
    for (let turn = 0; turn < Math.min(runs, most); turn++) {
      await scene.settled(1, { ...(synchronous && { synchronous }) });
      outcomes.push(await underFault(scene, fault));
      console.log(
        `${name}: ${what} ${turn + 1}: ${outcomes.at(-1)?.gapSeconds.toFixed(1)} s, ${outcomes.at(-1)?.lost} lost`,
      );
    }
    await scene.settled(1);
    rows.push(row(what, name, outcomes));
  }
  return rows;
}

function row(what: string, setting: string, outcomes: Outcome[]): (string | number)[] {
  const gaps = outcomes.map(({ gapSeconds }) => gapSeconds);
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0);
  return [
    ...[
      what,
      setting,
      outcomes.length,
      round(percentile(gaps, 0.5)),
      round(percentile(gaps, 0.95)),
      round(Math.max(...gaps)),
    ],
    ...[sum(({ acknowledged }) => acknowledged), sum(({ lost }) => lost), sum(({ unexpected }) => unexpected)],
    ...[sum(({ failed, unknown }) => failed + unknown), Math.max(...outcomes.map((one) => one.twoPrimariesSeconds))],
  ];
}

async function replicaAdded(scene: Scene): Promise<(string | number)[]> {
  await scene.deploy({ replicas: 0 });
  const { writers } = scene;
  await writers.start({ writers: 2 });
  await writers.untilWriting(30);
  await scene.deploy({ replicas: 1 });
  await writingAgain(scene, 60);
  return row('from 0 to 1 replica by a deploy', 'async, normal', [
    outcomeOf(await writers.stop(), await writers.check()),
  ]);
}
