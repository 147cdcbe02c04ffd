import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, type PathLike } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { flushed, flushFile, removeGently, writtenBy } from './gently.ts';

let folder: string;
let elsewhere: string;
const writers: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'horme-gently-'));
  elsewhere = await mkdtemp(join(tmpdir(), 'horme-gently-elsewhere-'));
});

afterEach(async () => {
  for (const writer of writers.splice(0)) {
    writer.kill('SIGKILL');
    await once(writer, 'close');
  }
  await rm(folder, { recursive: true, force: true });
  await rm(elsewhere, { recursive: true, force: true });
});

/** A process that has the file open for writing until the test ends. */
async function writes(path: string): Promise<ChildProcess> {
  const script = `require('fs').openSync(process.argv[1], 'w'); console.log('open'); setInterval(() => {}, 1000)`;
  const writer = spawn(process.execPath, ['-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  writers.push(writer);
  await once(writer.stdout, 'data');
  return writer;
}

/** A name that no other process has: the kernel's own, of the writer. */
const programOf = async ({ pid }: ChildProcess) => (await readFile(`/proc/${pid}/comm`, 'utf8')).trim();

describe.skipIf(!existsSync('/proc/self/fd'))('what a program has open', () => {
  test('is flushed where it is below the folder, and nothing else', async () => {
    const writer = await writes(join(folder, 'data'));
    await writes(join(elsewhere, 'data'));
    const seen = new Set<string>();
    let first: () => void;
    const begun = new Promise<void>((resolve) => (first = resolve));
    await flushed(
      folder,
      await programOf(writer),
      () => begun,
      async (path) => {
        seen.add(path);
        first();
      },
    );
    expect([...seen]).toEqual([join(folder, 'data')]);
  });

  test('is nothing to another program', async () => {
    await writes(join(folder, 'data'));
    expect([...(await writtenBy(folder, 'pgbackrest'))]).toEqual([]);
  });
});

test('a file that is gone and one that is there are both flushed without a failure', async () => {
  await flushFile(join(folder, 'gone'));
  await writeFile(join(folder, 'there'), 'data');
  await flushFile(join(folder, 'there'));
});

test("the work's failure is passed on", async () => {
  await expect(flushed(folder, 'none', () => Promise.reject(new RangeError('wrong')))).rejects.toThrow(RangeError);
});

describe('what is removed', () => {
  test('shrinks piece by piece first', async () => {
    const data = join(folder, 'data');
    await mkdir(join(data, 'base'), { recursive: true });
    await writeFile(join(data, 'base', 'large'), 'x'.repeat(25));
    await writeFile(join(data, 'small'), 'x'.repeat(10));
    const cuts: [string, number][] = [];
    const cut = async (path: PathLike, length?: number): Promise<void> => {
      cuts.push([basename(String(path)), length ?? 0]);
      await truncate(path, length);
    };
    await removeGently(data, { bytes: 10, pauseSeconds: 0, truncate: cut });
    expect(cuts).toEqual([
      ['large', 15],
      ['large', 5],
    ]);
    expect(existsSync(data)).toBe(false);
  });

  test('takes nothing with it that a link points to', async () => {
    const data = join(folder, 'data');
    await mkdir(data);
    await writeFile(join(elsewhere, 'outside'), 'x'.repeat(10));
    await symlink(join(elsewhere, 'outside'), join(data, 'link'));
    await symlink(elsewhere, join(data, 'folder'));
    await removeGently(data, { bytes: 1, pauseSeconds: 0 });
    expect(await readFile(join(elsewhere, 'outside'), 'utf8')).toBe('x'.repeat(10));
  });
});
