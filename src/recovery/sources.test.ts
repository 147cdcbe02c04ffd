import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { run } from '../engine/process.ts';
import type { Event } from '../events.ts';
import { buildIn } from '../release/origin.ts';
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

const folder = 'apps/shop/';

/** The record that a deploy would make of a build from the present files. */
async function built(own: { name?: string; build?: Built['build']; commit?: string | undefined } = {}): Promise<Built> {
  const { name = 'api', build = { context: 'api' }, commit } = own;
  const hash = await sourcesHash(buildIn(build, join(repository, folder))).catch(() => 'none');
  return { name, image: `shop/api:${hash}`, build, commits: commitsAt(commit) };
}

const commitsAt = (...commits: (string | undefined)[]) =>
  commits.filter((commit) => commit !== undefined).map((commit) => ({ commit, folder }));

async function places(all: Built[], own: { directory?: string; remote?: string; accepted?: boolean } = {}) {
  const temporary = await mkdtemp(join(place, 'temporary-'));
  const sources = {
    directory: repository,
    remote: undefined,
    signal: new AbortController().signal,
    accepted: false,
    ...own,
  };
  return placesOf(all, sources, temporary, (event) => void events.push(event));
}

const nowhere = '0'.repeat(40);

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

test('a repository that the builder fetches is built from what it has, whatever token an older Horme noted', async () => {
  const build = { context: 'https://ada:token@example.com/shop.git#v1' };
  const api = { name: 'api', image: 'shop/api:0123456789ab', build, commits: [] };
  expect(await places([api])).toEqual(new Map([['api', repository]]));
  expect(events).toEqual([]);
});

describe('with a submodule', () => {
  let library: string;
  let without: Built;
  beforeEach(async () => {
    vi.stubEnv('GIT_ALLOW_PROTOCOL', 'file');
    library = join(place, 'library');
    await git('init', '--quiet', library);
    await git('-C', library, 'commit', '--quiet', '--allow-empty', '--message', 'none');
    await git('-C', library, 'checkout', '--quiet', '-b', 'with-a-file');
    await writeFile(join(library, 'library.js'), 'library');
    await git('-C', library, 'add', '.');
    await git('-C', library, 'commit', '--quiet', '--message', 'all');
    without = await built({ commit: await commit() });
    await git('submodule', 'add', '--quiet', '../library', 'apps/shop/api/library');
  });
  afterEach(() => vi.unstubAllEnvs());

  test.each(['here', 'the remote'])('its files are in the copy of %s', async (from) => {
    await git('remote', 'add', 'origin', repository);
    const api = await built({ commit: await commit() });
    await write('apps/shop/api/main.js', 'two');
    const there = await places([api], from === 'here' ? {} : { directory: place, remote: repository });
    expect(await contentOf(there, 'api', 'api/library/library.js')).toBe('library');
  });

  test('it is not left from another commit that was looked at', async () => {
    const since = commitsAt(await commit());
    const there = await places([{ ...without, commits: [...since, ...without.commits] }]);
    await expect(contentOf(there, 'api', 'api/library/library.js')).rejects.toThrow('ENOENT');
    expect(events).toEqual([]);
  });

  test('that is gone it is told', async () => {
    const api = await built({ commit: await commit() });
    await rm(library, { recursive: true });
    const gone = places([api], { directory: place, remote: repository });
    await expect(gone).rejects.toMatchObject({ code: 'sources-differ' });
    expect(events).toContainEqual(
      expect.objectContaining({ kind: 'warning', text: expect.stringContaining('submodules are missing') as string }),
    );
  });
});

test('a commit that is nowhere is said', async () => {
  await commit();
  const gone = places([await built({ commit: nowhere })], { directory: place, remote: repository });
  await expect(gone).rejects.toMatchObject({
    code: 'sources-missing',
    message: expect.stringContaining(nowhere) as string,
  });
});

test('files that were built before they were committed are in a later commit', async () => {
  const before = await commit();
  await write('apps/shop/api/main.js', 'two');
  const api = await built();
  const after = await commit();
  const there = await places([{ ...api, commits: commitsAt(after, before) }]);
  expect(await contentOf(there, 'api', 'api/main.js')).toBe('two');
});

test('an image that later deploys kept is not built from what came since', async () => {
  const api = await built({ commit: await commit() });
  await write('apps/shop/api/main.js', 'two');
  const since = [await commit()];
  await write('apps/shop/api/main.js', 'three');
  since.unshift(await commit());
  const web = await built({ name: 'web', commit: since[0] });
  const there = await places([{ ...api, commits: [...commitsAt(...since), ...api.commits] }, web]);
  expect(await contentOf(there, 'api', 'api/main.js')).toBe('one');
  expect(await contentOf(there, 'web', 'api/main.js')).toBe('three');
});

test('while a commit that is here has the files, nothing is cloned for a newer one', async () => {
  const here = await commit();
  const api = { ...(await built()), commits: commitsAt(nowhere, here) };
  await write('apps/shop/api/main.js', 'two');
  const there = await places([api], { remote: join(place, 'no-repository') });
  expect(await contentOf(there, 'api', 'api/main.js')).toBe('one');
  expect(events).toEqual([]);
});

test('where no commit has the files, the one that the image came with is built when that is accepted', async () => {
  const first = await commit();
  await write('apps/shop/api/main.js', 'two');
  const second = await commit();
  await write('apps/shop/api/main.js', 'never committed');
  const api = { ...(await built()), commits: commitsAt(nowhere, second, first) };
  await write('apps/shop/api/main.js', 'later');
  const there = await places([api], { accepted: true });
  expect(await contentOf(there, 'api', 'api/main.js')).toBe('one');
  const text = `than commit ${first}, or any of the 1 after it, has; nobody here has commit ${nowhere}`;
  expect(events).toEqual([{ kind: 'warning', text: expect.stringContaining(text) as string }]);
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
  for (const known of [first, undefined, nowhere])
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
  const unknown = { ...api, commits: [] };
  await expect(places([unknown], { directory })).rejects.toMatchObject({ ...refused, lastSeen: here });
  expect(await places([unknown], { directory, accepted: true })).toEqual(new Map([['api', directory]]));
});

test('a release with changes that nobody committed is told as such', async () => {
  const first = await commit();
  await write('apps/shop/api/main.js', 'never committed');
  const api = await built();
  await write('apps/shop/api/main.js', 'later');
  const refused = places([{ ...api, commits: [{ commit: first, folder, dirty: true }] }]);
  const said = expect.stringContaining(`${first} has; its files had changes that were not committed`) as string;
  await expect(refused).rejects.toMatchObject({ code: 'sources-differ', lastSeen: said });
});

describe('what an older Horme recorded', () => {
  const older = async (commit: string, image = '') => {
    const api = await built();
    return { ...api, image: api.image + image, commits: [{ commit, folder: undefined }] };
  };

  test('is found in the folder of the project, if that is where the command is given', async () => {
    const api = await older(await commit());
    await write('apps/shop/api/main.js', 'two');
    const there = await places([api], { directory: join(repository, folder) });
    expect(await contentOf(there, 'api', 'api/main.js')).toBe('one');
    const said = expect.stringMatching(/an older Horme recorded .* --project-directory DIR/) as string;
    await expect(places([api])).rejects.toMatchObject({ code: 'sources-differ', lastSeen: said });
  });

  test('with files of git in its hash is not said to be of other files, and built when accepted', async () => {
    const api = await older(await commit(), 'with-git');
    const directory = join(repository, folder);
    const refused: unknown = await places([api], { directory }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ lastSeen: expect.stringContaining('files of .git') as string });
    expect(refused).toMatchObject({ lastSeen: expect.not.stringContaining('built from other files') as string });
    const there = await places([api], { directory, accepted: true });
    expect(await contentOf(there, 'api', 'api/main.js')).toBe('one');
  });

  test('is not taken for outside of the repository because of an absolute path', async () => {
    const build = { context: 'api', additional_contexts: { lib: join(repository, 'lib') } };
    const api = { ...(await older(await commit(), 'absolute')), build };
    await expect(places([api], { directory: place, remote: repository })).rejects.toMatchObject({
      code: 'sources-differ',
    });
  });
});

test('a commit that lacks the folder differs, and is no bug', async () => {
  const first = await commit();
  await write('apps/shop/web/Dockerfile', 'FROM scratch');
  const web = await built({ name: 'web', build: { context: 'web' }, commit: first });
  await rm(join(repository, 'apps/shop/web'), { recursive: true });
  await expect(places([web])).rejects.toMatchObject({ code: 'sources-differ' });
});
