import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { areas, core } from './areas.ts';
import { covers, longFiles, pathOf } from './series/files.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** All files below a folder, from the root. */
const below = (folder: string): string[] =>
  readdirSync(`${root}${folder}`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath.slice(root.length)}/${entry.name}`);

test('every file of the long series is in one area, and every file of the table is there', () => {
  const there = below('test/long').filter((path) => path.endsWith('.test.ts'));
  expect(longFiles.map(pathOf).sort()).toEqual(there.sort());
});

test.each(['src', 'images', 'test/database', 'test/backup'])('every file of %s is in an area or the core', (folder) => {
  const patterns = [...core, ...Object.values(areas).flatMap(({ proves }) => proves)];
  const nowhere = below(folder).filter((path) => !patterns.some((pattern) => covers(pattern, path)));
  expect(nowhere).toEqual([]);
});

test('a file runs for a known time', () => {
  for (const { name, seconds } of longFiles) expect(seconds, name).toBeGreaterThan(0);
});
