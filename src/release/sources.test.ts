import { chmod, cp, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { run } from '../engine/process.ts';
import { rulesFor } from './context-files.ts';
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

describe('another folder that a build reads', () => {
  const more = (place = 'lib') =>
    hash({ additional_contexts: { base: join(folder, place), image: 'docker-image://debian' } });
  beforeEach(() => write('lib/a.js', 'one'));

  test('says nothing by where it lies, but by what is in it and how it is called', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'horme-sources-'));
    try {
      await cp(folder, elsewhere, { recursive: true });
      const there = { additional_contexts: { base: join(elsewhere, 'lib'), image: 'docker-image://debian' } };
      expect(await hash({ context: elsewhere, ...there })).toBe(await more());
      expect(await more('src')).not.toBe(await more());
    } finally {
      await rm(elsewhere, { recursive: true, force: true });
    }
  });

  test('counts with its content, by its own .dockerignore', async () => {
    await write('.dockerignore', 'lib\n');
    const before = await more();
    await write('lib/a.js', 'two');
    const after = await more();
    expect(after).not.toBe(before);
    await write('lib/.dockerignore', '*.log\n');
    const ruled = await more();
    await write('lib/debug.log', 'x');
    expect(await more()).toBe(ruled);
  });

  test('is named when it is not there', async () => {
    await expect(more('nowhere')).rejects.toMatchObject({
      code: 'sources-unreadable',
      message: expect.stringContaining(join(folder, 'nowhere')) as string,
    });
  });
});

test('what a build takes from another service counts by the hash of that', async () => {
  const build = { context: folder, additional_contexts: { base: 'service:base' } };
  const by = (other: string | undefined) =>
    sourcesHash(build, { service: async (name) => other && `${name} ${other}` });
  expect(await by('one')).toBe(await by('one'));
  expect(await by('one')).not.toBe(await by('two'));
});

describe('a Dockerfile', () => {
  test('outside of the context counts', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'horme-dockerfile-'));
    try {
      const own = { dockerfile: join(outside, 'Dockerfile') };
      await writeFile(own.dockerfile, 'FROM one');
      const before = await hash(own);
      expect(await hash(own)).toBe(before);
      await writeFile(own.dockerfile, 'FROM two');
      expect(await hash(own)).not.toBe(before);
    } finally {
      await rm(outside, { recursive: true, force: true });
    }
  });

  test('that is a link to what .dockerignore leaves out counts', async () => {
    await write('.dockerignore', 'docker\n');
    await write('docker/production', 'FROM one');
    await rm(join(folder, 'Dockerfile'));
    await symlink('docker/production', join(folder, 'Dockerfile'));
    const before = await hash();
    await write('docker/production', 'FROM two');
    expect(await hash()).not.toBe(before);
  });
});

describe('in a context', () => {
  test('pipes and sockets are nothing that the builder takes', async () => {
    const before = await hash();
    const made = await run(['mkfifo', join(folder, 'pipe')], { deadlineSeconds: 10 });
    expect(made.exitCode).toBe(0);
    const server = createServer();
    await new Promise<void>((resolve) => void server.listen(join(folder, 'src/socket'), resolve));
    try {
      expect(await hash()).toBe(before);
    } finally {
      server.close();
    }
  });

  test.each(['.dockerignore', 'Dockerfile.dockerignore'])('a pipe as %s is named, and not waited for', async (name) => {
    await run(['mkfifo', join(folder, name)], { deadlineSeconds: 10 });
    await expect(hash()).rejects.toMatchObject({ message: expect.stringContaining('not a regular file') as string });
  });

  test('a folder that is left out is not opened, unless a rule lets in what may be below it', async () => {
    const left = async (rules: string) => {
      await write('.dockerignore', rules);
      const { mayLetIn, ignores } = await rulesFor([join(folder, '.dockerignore')]);
      return ignores('data/deep') && !mayLetIn('data/deep');
    };
    expect(await left('data\n')).toBe(true);
    expect(await left('data\n!src/keep\n')).toBe(true);
    expect(await left('*\n!/src\n!Dockerfile\n')).toBe(true);
    expect(await left('data\n!data/other/keep\n')).toBe(true);
    expect(await left('data\n!data/deep/keep\n')).toBe(false);
    expect(await left('data\n!data/*/keep\n')).toBe(false);
    expect(await left('data\n!**/keep\n')).toBe(false);
  });

  test('what counts and can not be read is named; what is left out is not even opened', async () => {
    // Longer than PATH_MAX: not even root can open it, and file modes don't stop root.
    const name = 'd'.repeat(200);
    const script = `for (const name of ["private", ...Array(25).fill("${name}")]) { fs.mkdirSync(name); process.chdir(name); }`;
    const made = await run([process.execPath, '-e', script], { cwd: folder, deadlineSeconds: 10 });
    expect(made.stderr).toBe('');
    await expect(hash()).rejects.toMatchObject({ code: 'sources-unreadable' });
    await write('.dockerignore', 'private\n');
    expect(await hash()).toMatch(/^[0-9a-f]{12}$/);
    await run(['rm', '-rf', 'private'], { cwd: folder, deadlineSeconds: 10 });
  });

  test('an interrupt ends the reading', async () => {
    const controller = new AbortController();
    controller.abort(new Error('interrupted'));
    await expect(sourcesHash({ context: folder }, { signal: controller.signal })).rejects.toThrow('interrupted');
  });
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
