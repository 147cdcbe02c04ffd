import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { run } from '../engine/process.ts';
import type { Event } from '../events.ts';
import { sourcesHash } from '../release/sources.ts';
import { placesOf, type Built } from './sources.ts';

let place: string;
let repository: string;
let events: Event[];
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'horme-checkout-'));
  repository = join(place, 'repository');
  events = [];
  await write('apps/shop/api/Dockerfile', 'FROM scratch');
  await write('apps/shop/api/main.js', 'one');
  await write('lib/Dockerfile', 'FROM scratch');
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

/** As a deploy notes what it builds from the files as they are now. */
async function built(own: Partial<Built> = {}): Promise<Built> {
  const { folder = 'apps/shop/', build = { context: 'api' } } = own;
  const hash = await sourcesHash({ ...build, context: join(repository, folder, build.context) }).catch(() => 'none');
  return { name: 'api', image: `shop/api:${hash}`, build, commit: undefined, folder, ...own };
}

async function places(all: Built[], own: { directory?: string; remote?: string; accepted?: boolean } = {}) {
  const temporary = await mkdtemp(join(place, 'temporary-'));
  const sources = { directory: repository, remote: undefined, accepted: false, ...own };
  return placesOf(all, sources, temporary, (event) => void events.push(event));
}

const contentOf = async (directories: Map<string, string>, name: string, path: string) =>
  readFile(join(directories.get(name) ?? '', path), 'utf8');

test('a project in a folder of its repository is found there, whatever the files are now', async () => {
  const api = await built({ commit: await commit() });
  await write('apps/shop/api/main.js', 'two');
  const there = await places([api], { directory: join(repository, 'apps/shop') });
  expect(await contentOf(there, 'api', 'api/main.js')).toBe('one');
  expect(events).toEqual([]);
});

test('each image has the commit that it was built from', async () => {
  const api = await built({ commit: await commit() });
  await write('apps/shop/api/main.js', 'two');
  const web = await built({ name: 'web', commit: await commit() });
  const there = await places([api, web, { ...web, name: 'worker' }]);
  const found = ['api', 'web', 'worker'].map((name) => contentOf(there, name, 'api/main.js'));
  expect(await Promise.all(found)).toEqual(['one', 'two', 'two']);
});

test('without a checkout that has the commit, the remote is cloned', async () => {
  const api = await built({ commit: await commit() });
  const there = await places([api], { directory: place, remote: repository });
  expect(await contentOf(there, 'api', 'api/main.js')).toBe('one');
  expect(events).toEqual([{ kind: 'note', text: `cloning ${repository}` }]);
  await expect(places([api], { directory: place })).rejects.toMatchObject({ code: 'sources-missing' });
});

test('a commit that is nowhere is said, with what git says', async () => {
  await commit();
  const gone = places([await built({ commit: '0'.repeat(40) })], { remote: repository });
  await expect(gone).rejects.toMatchObject({ code: 'sources-missing', lastSeen: expect.any(String) as string });
});

test("an older kit's remote may have a password, which is not printed", async () => {
  const ssh = join(place, 'ssh');
  await writeFile(ssh, '#!/bin/sh\necho "$1: Permission denied; ssh://$1/shop.git" >&2; exit 255', { mode: 0o755 });
  vi.stubEnv('GIT_SSH', ssh);
  vi.stubEnv('GIT_SSH_VARIANT', 'simple');
  const api = await built({ commit: await commit() });
  const refused: unknown = await places([api], { directory: place, remote: 'ssh://u:p4ss@host/shop.git' }).catch(
    (error: unknown) => error,
  );
  vi.unstubAllEnvs();
  expect(refused).toMatchObject({
    code: 'sources-missing',
    lastSeen: expect.stringMatching(/^host: Permission denied; ssh:\/\/u@host/m) as string,
  });
  expect(events).toEqual([{ kind: 'note', text: 'cloning ssh://u@host/shop.git' }]);
});

test('a folder beside the project is in the commit, one outside of the repository is refused', async () => {
  const known = { commit: await commit() };
  const there = await places([await built({ ...known, build: { context: '../../lib' } })]);
  expect(await contentOf(there, 'api', '../../lib/main.js')).toBe('library');
  const outside = { code: 'sources-outside', message: expect.stringContaining('../../../lib') as string };
  const away = await built({ ...known, build: { context: '../../../lib' } });
  await expect(places([away])).rejects.toMatchObject(outside);
  const more = { context: 'api', additional_contexts: { lib: '../../../lib', base: 'docker-image://debian' } };
  await expect(places([await built({ ...known, build: more })])).rejects.toMatchObject(outside);
});

test('files that are here as they were need neither a commit nor a clone', async () => {
  const first = await commit();
  await write('apps/shop/api/main.js', 'never committed');
  const directory = join(repository, 'apps/shop');
  for (const known of [first, undefined, '0'.repeat(40)])
    expect(await places([await built({ commit: known })], { directory })).toEqual(new Map([['api', directory]]));
});

test('a Dockerfile that stands in the Compose file is no file to look for', async () => {
  const first = await commit();
  await write('apps/shop/web/main.js', 'never committed');
  const inline = { context: 'web', dockerfile_inline: 'FROM scratch' };
  const web = await built({ name: 'web', build: inline, commit: first });
  const directory = join(repository, 'apps/shop');
  expect(await places([web], { directory })).toEqual(new Map([['web', directory]]));
});

test('other files than were built are refused by name, and built when they are accepted', async () => {
  const first = await commit();
  await write('apps/shop/api/main.js', 'never committed');
  const api = await built({ commit: first });
  await write('apps/shop/api/main.js', 'later');
  const refused = { code: 'sources-differ', exitCode: 3, next: expect.stringContaining('--accept-sources') as string };
  const said = expect.stringContaining(`${api.image} was built from other files than commit ${first} has`) as string;
  await expect(places([api])).rejects.toMatchObject({ ...refused, lastSeen: said });
  const accepted = await places([api], { accepted: true });
  expect(await contentOf(accepted, 'api', 'api/main.js')).toBe('one');
  expect(events).toEqual([{ kind: 'warning', text: said }]);
  const directory = join(repository, 'apps/shop');
  const here = expect.stringContaining(`other files than ${directory} has`) as string;
  const unknown = { ...api, commit: undefined };
  await expect(places([unknown], { directory })).rejects.toMatchObject({ ...refused, lastSeen: here });
  expect(await places([unknown], { directory, accepted: true })).toEqual(new Map([['api', directory]]));
});

test('a commit that lacks the folder differs, and is no bug', async () => {
  const first = await commit();
  await write('apps/shop/web/Dockerfile', 'FROM scratch');
  const web = await built({ name: 'web', build: { context: 'web' }, commit: first });
  await rm(join(repository, 'apps/shop/web'), { recursive: true });
  await expect(places([web])).rejects.toMatchObject({ code: 'sources-differ' });
});
