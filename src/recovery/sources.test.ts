import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '../engine/process.ts';
import type { Event } from '../events.ts';
import { checkOut, type Built } from './sources.ts';

let place: string;
let repository: string;
let events: Event[];
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'horme-checkout-'));
  repository = join(place, 'repository');
  events = [];
  await write('apps/shop/api/main.js', 'one');
  await write('lib/main.js', 'library');
  await git('init', '--quiet');
});
afterEach(() => rm(place, { recursive: true, force: true }));

async function write(path: string, content: string): Promise<void> {
  const file = join(repository, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}

async function git(...words: string[]): Promise<string> {
  const name = ['-c', 'user.name=test', '-c', 'user.email=test@localhost'];
  const { exitCode, stdout, stderr } = await run(['git', ...name, ...words], { cwd: repository, deadlineSeconds: 10 });
  expect([exitCode, stderr]).toEqual([0, '']);
  return stdout.trim();
}

async function commit(): Promise<string> {
  await git('add', '.');
  await git('commit', '--quiet', '--message', 'all');
  return git('rev-parse', 'HEAD');
}

const api = (own: Partial<Built>): Built => ({
  ...{ name: 'api', image: 'shop/api:1', build: { context: 'api' }, commit: undefined, folder: '' },
  ...own,
});

async function checkedOut(all: Built[], own: { directory?: string; remote?: string } = {}) {
  const temporary = await mkdtemp(join(place, 'temporary-'));
  const where = { directory: repository, remote: undefined, ...own };
  return checkOut(all, where, temporary, (event) => void events.push(event));
}

const contentOf = async (directories: Map<string, string>, name: string, path: string) =>
  readFile(join(directories.get(name) ?? '', path), 'utf8');

test('a project in a folder of its repository is found there, whatever the files are now', async () => {
  const first = await commit();
  await write('apps/shop/api/main.js', 'two');
  const built = api({ commit: first, folder: 'apps/shop/' });
  const there = await checkedOut([built], { directory: join(repository, 'apps/shop') });
  expect(await contentOf(there, 'api', 'api/main.js')).toBe('one');
  expect(events).toEqual([]);
});

test('each image has the commit that it was built from', async () => {
  const first = await commit();
  await write('apps/shop/api/main.js', 'two');
  const second = await commit();
  const folder = 'apps/shop/';
  const there = await checkedOut([
    api({ commit: first, folder }),
    api({ name: 'web', commit: second, folder }),
    api({ name: 'worker', commit: second, folder }),
  ]);
  const found = ['api', 'web', 'worker'].map((name) => contentOf(there, name, 'api/main.js'));
  expect(await Promise.all(found)).toEqual(['one', 'two', 'two']);
});

test('without a checkout that has the commit, the remote is cloned', async () => {
  const first = await commit();
  const there = await checkedOut([api({ commit: first })], { directory: place, remote: repository });
  expect(await contentOf(there, 'api', 'lib/main.js')).toBe('library');
  expect(events).toEqual([{ kind: 'note', text: `cloning ${repository}` }]);
  await expect(checkedOut([api({ commit: first })], { directory: place })).rejects.toMatchObject({
    code: 'sources-missing',
  });
});

test('a commit that is nowhere is said, with what git says', async () => {
  await commit();
  const gone = checkedOut([api({ commit: '0'.repeat(40) })], { remote: repository });
  await expect(gone).rejects.toMatchObject({ code: 'sources-missing', lastSeen: expect.any(String) as string });
});

test('a folder beside the project is in the commit, one outside of the repository is refused', async () => {
  const known = { commit: await commit(), folder: 'apps/shop/' };
  const there = await checkedOut([api({ ...known, build: { context: '../../lib' } })]);
  expect(await contentOf(there, 'api', '../../lib/main.js')).toBe('library');
  const outside = { code: 'sources-outside', message: expect.stringContaining('../../../lib') as string };
  await expect(checkedOut([api({ ...known, build: { context: '../../../lib' } })])).rejects.toMatchObject(outside);
  const more = { context: 'api', additional_contexts: { lib: '../../../lib', base: 'docker-image://debian' } };
  await expect(checkedOut([api({ ...known, build: more })])).rejects.toMatchObject(outside);
});

test('where nobody knows of a commit, the folder is taken as it is', async () => {
  expect(await checkedOut([api({})])).toEqual(new Map([['api', repository]]));
});
