import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeDurably } from './durable.ts';
import { StateFile } from './state-file.ts';

interface State {
  a: number;
  b: number;
  count: number;
}

let root: string;
const folder = (name: string): string => join(root, name);
const stateIn = (name: string, write = writeDurably): StateFile<State> =>
  new StateFile<State>(folder(name), join(folder('run'), `${name}-status.json`), write);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'horme-state-'));
  for (const name of ['run', 'files', 'database']) mkdirSync(folder(name));
});

afterEach(() => rmSync(root, { recursive: true }));

test.each(['', '{"lastSlot": "20', '[1]'])("a missing one and the torn one '%s' are empty", async (torn) => {
  expect(await stateIn('files').read()).toEqual({});
  writeFileSync(join(folder('files'), 'status.json'), torn);
  expect(await stateIn('files').read()).toEqual({});
});

test('roles have their own', async () => {
  await stateIn('database').update((known) => void (known.a = 1));
  expect([await stateIn('database').read(), await stateIn('files').read()]).toEqual([{ a: 1 }, {}]);
});

test('a change that fails changes nothing, and keeps no later one out', async () => {
  const state = stateIn('files');
  await state.update((known) => void (known.a = 1));
  const failing = state.update((known) => {
    known.a = 2;
    throw new RangeError('wrong');
  });
  await expect(failing).rejects.toThrow(RangeError);
  expect(await state.read()).toEqual({ a: 1 });
  await state.update((known) => void (known.b = 1));
  expect(await state.read()).toEqual({ a: 1, b: 1 });
});

test('while the disk is full it is told from memory', async () => {
  await stateIn('files').update((known) => void (known.a = 1));
  const full: typeof writeDurably = async (path, text) => {
    if (dirname(path) === folder('files'))
      throw Object.assign(new Error('No space left on device'), { code: 'ENOSPC' });
    await writeDurably(path, text);
  };
  await stateIn('files', full).update((known) => void (known.a = 2));
  expect(await stateIn('files').read()).toEqual({ a: 2 });
  await stateIn('files').update((known) => void (known.b = 3));
  expect([await stateIn('files').read(), readdirSync(folder('run'))]).toEqual([{ a: 2, b: 3 }, []]);
});

test('any other failure to write is passed on', async () => {
  const broken: typeof writeDurably = () => Promise.reject(Object.assign(new Error('I/O error'), { code: 'EIO' }));
  await expect(stateIn('files', broken).update(() => undefined)).rejects.toThrow('I/O error');
});

test('no update is lost between tasks and processes', async () => {
  const count = async (state: StateFile<State>): Promise<void> => {
    for (let times = 0; times < 25; times++) await state.update((known) => void (known.count = (known.count ?? 0) + 1));
  };
  const script = `
    import { StateFile } from ${JSON.stringify(fileURLToPath(new URL('state-file.ts', import.meta.url)))};
    const state = new StateFile(process.argv[1], process.argv[2]);
    for (let times = 0; times < 25; times++) await state.update((known) => (known.count = (known.count ?? 0) + 1));
  `;
  const argv = ['--import', 'tsx', '--input-type=module', '-e', script, folder('files'), join(folder('run'), 'x')];
  const others = [0, 1].map(() => spawn(process.execPath, argv, { stdio: 'inherit' }));
  const one = stateIn('files');
  await Promise.all([count(one), count(one), ...others.map((other) => once(other, 'exit'))]);
  expect(await one.read()).toEqual({ count: 100 });
}, 60_000);
