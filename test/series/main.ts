/**
 * For bin/test and .ci/run, with `node --import tsx`; prints long files, one a line:
 *   asked [WORD…]     the paths of those that the words name
 *   chosen SECONDS    the names of those that CI runs today, when they may take so many seconds; the reasons go to stderr
 */
import { fileURLToPath } from 'node:url';
import { areas } from '../areas.ts';
import { askedFor, UnknownWord } from './asked.ts';
import { changeIn } from './change.ts';
import { choose, wallSeconds, type Chosen } from './choose.ts';
import { pathOf, type LongFile } from './files.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const dayMilliseconds = 86_400_000;

async function main([command, ...words]: string[]): Promise<void> {
  if (command === 'asked') return print(askedFor(areas, words).map(pathOf));
  if (command === 'chosen') return print((await chosenFor(Number(words[0]))).map(({ name }) => name));
  throw new Error(`unknown command: ${command}`);
}

const print = (lines: string[]): void => lines.forEach((line) => console.log(line));

async function chosenFor(seconds: number): Promise<LongFile[]> {
  const { paths, since } = await changeIn(root, process.env['HORME_CI_BASE']);
  const day = Math.floor(Date.now() / dayMilliseconds);
  const { run, noRoom, rest } = choose({ table: areas, changed: paths, day, seconds });
  const files = run.map(({ file }) => file);
  const tell = (what: string, all: Chosen[]) =>
    all.forEach(({ file, why }) => console.error(`${what}: ${file.name} (${file.area}, ${file.seconds} s): ${why}`));
  console.error(`compared with: ${since}`);
  tell('to run', run);
  tell('not run, no time is left', noRoom);
  tell('not run', rest);
  console.error(`${files.length} files in at most ${Math.ceil(wallSeconds(files))} s of ${seconds} s`);
  return files;
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof UnknownWord ? error.message : error);
  process.exitCode = error instanceof UnknownWord ? 2 : 1;
});
