import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { remembered } from './remembered.ts';

let place: string;
let program: string;
let asked: number;

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'horme-remembered-'));
  program = join(place, 'program');
  await writeFile(program, 'one');
  asked = 0;
});
afterEach(() => rm(place, { recursive: true, force: true }));

const ask = async () => `answer ${(asked += 1)}`;
const answer = (folder = join(place, 'kept')) => remembered(program, ask, folder);

test('a program is asked once', async () => {
  expect([await answer(), await answer()]).toEqual(['answer 1', 'answer 1']);
});

test('one whose file was replaced is asked again, also where its size and time are the same', async () => {
  await answer();
  await writeFile(program, 'two');
  const time = new Date('2026-01-01T00:00:00Z');
  await utimes(program, time, time);
  expect(await answer()).toBe('answer 2');
});

test('what could not be kept, or was left half written, is asked again', async () => {
  await writeFile(join(place, 'file'), '');
  expect([await answer(join(place, 'file')), await answer(join(place, 'file'))]).toEqual(['answer 1', 'answer 2']);
  await writeFile(join(place, 'program.json'), '{"key":');
  expect(await answer(place)).toBe('answer 3');
});

test('an answer that failed is not kept', async () => {
  const fails = () => Promise.reject(new Error('it hangs'));
  await expect(remembered(program, fails, join(place, 'kept'))).rejects.toThrow('it hangs');
  expect(await answer()).toBe('answer 1');
});
