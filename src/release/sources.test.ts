import { chmod, cp, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '../engine/process.ts';
import { commitOf, sourceOf, sourcesHash } from './sources.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'horme-sources-'));
  await write('Dockerfile', 'FROM scratch\n');
  await write('src/main.js', 'one');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function write(path: string, content: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), content);
}

const hash = (own: object = {}) => sourcesHash({ context: folder, ...own });

test('the same sources have the same hash', async () => {
  expect(await hash()).toBe(await hash());
  expect(await hash()).toMatch(/^[0-9a-f]{12}$/);
});

test('a checkout in another place has the same hash', async () => {
  const elsewhere = await mkdtemp(join(tmpdir(), 'horme-sources-'));
  try {
    await cp(folder, elsewhere, { recursive: true });
    expect(await hash({ context: elsewhere })).toBe(await hash());
  } finally {
    await rm(elsewhere, { recursive: true, force: true });
  }
});

const changes: [string, () => Promise<void>][] = [
  ['content', () => write('src/main.js', 'two')],
  ['the executable bit', () => chmod(join(folder, 'src/main.js'), 0o755)],
  ['a new file', () => write('src/other.js', '')],
  ['a removed file', () => rm(join(folder, 'src/main.js'))],
  ['a name', () => rename(join(folder, 'src/main.js'), join(folder, 'src/renamed.js'))],
  ['a link', () => symlink('main.js', join(folder, 'src/link.js'))],
  ['the Dockerfile', () => write('Dockerfile', 'FROM other\n')],
  ['what .dockerignore lets through', () => write('.dockerignore', 'src\n')],
];
test.each(changes)('another hash for: %s', async (_what, change) => {
  const before = await hash();
  await change();
  expect(await hash()).not.toBe(before);
});

test('another target or argument is another build', async () => {
  const all = await Promise.all([
    hash(),
    hash({ target: 'test' }),
    hash({ args: { A: '1' } }),
    hash({ args: { A: '2' } }),
  ]);
  expect(new Set(all).size).toBe(4);
});

test('what .dockerignore leaves out changes nothing', async () => {
  await write('.dockerignore', '*.log\n');
  const before = await hash();
  await write('debug.log', 'x');
  await write('src/main.js', 'one');
  expect(await hash()).toBe(before);
});

test("git's own files are no sources", async () => {
  const before = await hash();
  await write('.git/index', '1');
  await write('src/.git', 'gitdir: elsewhere');
  expect(await hash()).toBe(before);
});

test('a file that a later rule lets in again counts', async () => {
  await write('.dockerignore', 'data\n!data/keep.txt\n');
  await write('data/drop.txt', '1');
  await write('data/keep.txt', '1');
  const before = await hash();
  await write('data/drop.txt', '2');
  expect(await hash()).toBe(before);
  await write('data/keep.txt', '2');
  expect(await hash()).not.toBe(before);
});

test('a Dockerfile of its own has its own rules', async () => {
  await write('.dockerignore', 'src\n');
  await write('other.Dockerfile', 'FROM scratch\n');
  await write('other.Dockerfile.dockerignore', '.dockerignore\n');
  const own = { dockerfile: 'other.Dockerfile' };
  const before = await hash(own);
  await write('src/main.js', 'two');
  expect(await hash(own)).not.toBe(before);
});

test('times and owners are not content', async () => {
  const before = await hash();
  await rm(join(folder, 'src/main.js'));
  await write('src/main.js', 'one');
  expect(await hash()).toBe(before);
});

test('a context elsewhere is named, not read', async () => {
  const one = await sourcesHash({ context: 'https://example.com/shop.git#v1' });
  expect(one).not.toBe(await sourcesHash({ context: 'https://example.com/shop.git#v2' }));
  expect(one).toBe(await sourcesHash({ context: 'https://ada:token@example.com/shop.git#v1' }));
});

test('another folder that a build reads says nothing by where it lies', async () => {
  const more = (place: string) => hash({ additional_contexts: { base: place, image: 'docker-image://debian' } });
  const elsewhere = await mkdtemp(join(tmpdir(), 'horme-sources-'));
  try {
    await cp(folder, elsewhere, { recursive: true });
    const there = { additional_contexts: { base: join(elsewhere, '../lib'), image: 'docker-image://debian' } };
    expect(await hash({ context: elsewhere, ...there })).toBe(await more(join(folder, '../lib')));
    expect(await more(join(folder, 'lib'))).not.toBe(await more(join(folder, '../lib')));
  } finally {
    await rm(elsewhere, { recursive: true, force: true });
  }
});

test('a commit is noted with where in its repository the project lies', async () => {
  const git = async (...words: string[]) => {
    const name = ['-c', 'user.name=test', '-c', 'user.email=test@localhost'];
    const { exitCode, stdout } = await run(['git', ...name, ...words], { cwd: folder, deadlineSeconds: 10 });
    expect(exitCode).toBe(0);
    return stdout.trim();
  };
  const none = { commit: undefined, folder: undefined };
  expect(await commitOf(folder)).toEqual(none);
  await git('init', '--quiet');
  expect(await commitOf(folder)).toEqual(none);
  await git('add', '.');
  await git('commit', '--quiet', '--message', 'all');
  const commit = await git('rev-parse', 'HEAD');
  expect(await commitOf(folder)).toEqual({ commit, folder: '' });
  expect(await commitOf(join(folder, 'src'))).toEqual({ commit, folder: 'src/' });
  expect(await commitOf(join(folder, 'nowhere'))).toEqual(none);
  const project = join(folder, 'src');
  expect(await sourceOf(project, [])).toEqual({ commit, folder: 'src/' });
  await writeFile(join(folder, 'other-app.txt'), 'nothing of this project');
  expect(await sourceOf(project, [])).toEqual({ commit, folder: 'src/' });
  expect(await sourceOf(project, [folder])).toEqual({ commit, folder: 'src/', dirty: true });
  expect(await sourceOf(project, [tmpdir()])).toEqual({ commit, folder: 'src/' });
  await writeFile(join(project, 'new.js'), 'never added');
  expect(await sourceOf(project, [tmpdir()])).toEqual({ commit, folder: 'src/', dirty: true });
});
