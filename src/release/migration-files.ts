import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readNamed } from '../stack/regular-file.ts';
import { fingerprint } from '../fingerprint.ts';

/** The SQL files of a folder by name, in the order of their names. */
export async function readMigrations(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  const texts = names.map(
    async (name) => [name, (await readNamed(join(folder, name), 'a migration')).toString('utf8')] as const,
  );
  return Object.fromEntries(await Promise.all(texts));
}

/** As a release remembers them. */
export const hashesOf = (texts: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, fingerprint(text)]));

/** Names of the files that a release does not have, or has with another content. */
export function pendingMigrations(texts: Record<string, string>, released: Record<string, string>): string[] {
  return Object.entries(hashesOf(texts)).flatMap(([name, hash]) => (released[name] === hash ? [] : [name]));
}
