import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makePrivate } from './render.ts';

test('.horme is nobody else’s to read, and git does not see it', async () => {
  const place = await mkdtemp(join(tmpdir(), 'horme-render-'));
  try {
    const folder = join(place, '.horme');
    await makePrivate(folder);
    await makePrivate(folder);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect(await readFile(join(folder, '.gitignore'), 'utf8')).toBe('*\n');
  } finally {
    await rm(place, { recursive: true });
  }
});
