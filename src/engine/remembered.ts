import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** Beside the compiled program, where the loader keeps V8's form of it; a checkout that is run from its sources has no such place. */
const folder =
  typeof __dirname === 'string' && basename(__dirname) === 'dist' ? join(__dirname, 'compiled') : undefined;

/**
 * What a program says of itself, asked once and again only after its file has changed: to start one costs as much as to start
 * Node. Nothing is kept where that can't be written.
 */
export async function remembered(program: string, ask: () => Promise<string>, place = folder): Promise<string> {
  const seen = place === undefined ? undefined : await stat(program).catch(() => undefined);
  if (place === undefined || !seen) return ask();
  const file = join(place, `${basename(program)}.json`);
  const key = [program, seen.ino, seen.size, seen.mtimeMs, seen.ctimeMs].join(' ');
  const known = await readFile(file, 'utf8').then(parsed, () => undefined);
  if (known?.key === key) return known.said;
  const said = await ask();
  await keep(place, file, JSON.stringify({ key, said })).catch(() => undefined);
  return said;
}

function parsed(text: string): { key: string; said: string } | undefined {
  try {
    return JSON.parse(text) as { key: string; said: string };
  } catch {
    return undefined;
  }
}

async function keep(place: string, file: string, text: string): Promise<void> {
  await mkdir(place, { recursive: true });
  await writeFile(`${file}.${process.pid}`, text);
  await rename(`${file}.${process.pid}`, file);
}
