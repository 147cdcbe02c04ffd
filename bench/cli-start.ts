import { fileURLToPath } from 'node:url';
import { aim, interleaved, median, program, range, ratio, round, type Measured, type Part } from './measure.ts';

const runs = 20;
/** More than Node's own start, and a person would notice that help is not at once there. */
const mostToNode = 1.3;
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
      'horme deploy --help': node(bundle, 'deploy', '--help'),
    },
    runs,
  );
  const base = median(times['node -e 0']);
  return {
    title: 'Start of the command line',
    columns: ['command', 'median ms', 'min–max ms', 'to node -e 0', 'aim'],
    rows: Object.entries(times).map(([name, own]) => [
      name,
      round(median(own)),
      range(own),
      ratio(median(own), base),
      name.startsWith('horme') ? aim(median(own), base, mostToNode) : '',
    ]),
    notes: [`medians of ${runs} runs each, in turns, after 2 that do not count`],
  };
}
