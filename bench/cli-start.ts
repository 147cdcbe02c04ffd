import { fileURLToPath } from 'node:url';
import { interleaved, median, program, ratio, round, type Measured, type Part } from './measure.ts';

const runs = 20;
const root = fileURLToPath(new URL('..', import.meta.url));
/** What `npx horme` runs; `bin/horme` would add its look at whether a build is needed. */
const bundle = `${root}dist/horme.cjs`;

/** How much our program adds to the start of Node itself. */
export const cliStart: Part = {
  name: 'cli',
  about: 'start of the command line against `node -e 0`',
  measure: measureStart,
};

async function measureStart(): Promise<Measured> {
  // Always: figures of an old bundle would be taken for today's.
  await program(process.execPath, [`${root}scripts/build.mjs`]);
  const node =
    (...args: string[]) =>
    () =>
      program(process.execPath, args);
  const times = await interleaved(
    {
      'node -e 0': node('-e', '0'),
      'horme --version': node(bundle, '--version'),
      'horme --help': node(bundle, '--help'),
    },
    runs,
  );
  const base = median(times['node -e 0']);
  return {
    title: 'Start of the command line',
    columns: ['command', 'median ms', 'worst ms', 'to node -e 0'],
    rows: Object.entries(times).map(([name, own]) => [
      name,
      round(median(own)),
      round(Math.max(...own)),
      ratio(median(own), base),
    ]),
    notes: [`medians of ${runs} runs each, in turns, after 2 that do not count`],
  };
}
