import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/**
 * Folder beside the compiled program, where the loader keeps V8's code cache; undefined when the sources run directly.
 */
const folder =
  typeof __dirname === 'string' && basename(__dirname) === 'dist' ? join(__dirname, 'compiled') : undefined;

/**
 * Caches a program's answer about itself until its file changes, since starting it costs as much as starting Node.
 * Without a writable folder nothing is cached.
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
