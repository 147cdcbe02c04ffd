import { execFileSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { changeIn } from './change.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'horme-change-'));
  git('init', '--quiet');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function git(...words: string[]): string {
  const names = ['-c', 'user.name=test', '-c', 'user.email=test@localhost', '-c', 'commit.gpgsign=false'];
  return execFileSync('git', [...names, ...words], { cwd: folder, encoding: 'utf8' }).trim();
}

/** Gives the commit's name. */
function commit(path: string, hoursAgo: number): string {
  const at = new Date(Date.now() - hoursAgo * 3_600_000).toISOString();
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), at);
  git('add', '.');
  const env = { ...process.env, GIT_COMMITTER_DATE: at };
  const names = ['-c', 'user.name=test', '-c', 'user.email=test@localhost', '-c', 'commit.gpgsign=false'];
  execFileSync('git', [...names, 'commit', '--quiet', '--message', path], { cwd: folder, env });
  return git('rev-parse', 'HEAD');
}

test('since the newest commit that is older than a day, with what is not committed', async () => {
  commit('a', 50);
  const base = commit('b', 30);
  commit('c/ü.ts', 20);
  commit('d', 1);
  writeFileSync(join(folder, 'a'), 'changed');
  expect(await changeIn(folder, undefined)).toEqual({ paths: ['a', 'c/ü.ts', 'd'], since: base });
});

test('since the base that was given', async () => {
  commit('a', 50);
  const base = commit('b', 2);
  commit('c', 1);
  expect(await changeIn(folder, base)).toEqual({ paths: ['c'], since: base });
});

test('where the history does not reach back so far it is not known', async () => {
  commit('a', 3);
  expect(await changeIn(folder, undefined)).toMatchObject({ paths: undefined });
});

test('where the base is not in the history, or there is none at all, it is not known either', async () => {
  commit('a', 50);
  const unknown = await changeIn(folder, '0123456789012345678901234567890123456789');
  expect(unknown).toEqual({ paths: undefined, since: expect.stringContaining('git does not tell') as string });
  rmSync(join(folder, '.git'), { recursive: true });
  expect(await changeIn(folder, undefined)).toMatchObject({ paths: undefined });
});
