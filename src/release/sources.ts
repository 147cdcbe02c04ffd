import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, readdir, readlink, stat } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import dockerignore from '@balena/dockerignore';
import { run } from '../engine/process.ts';
import type { LedgerEntry } from './ledger.ts';
import { isElsewhere, withPaths } from './origin.ts';
import { stableJson } from './release.ts';
import type { ComposeBuild } from '../stack/stack.ts';

export type Commit = Pick<LedgerEntry, 'commit' | 'folder'>;

/**
 * As it is recorded. `dirty` only where git sees other files below the project or one of these folders, files that nobody
 * added among them; what git ignores it does not see.
 */
export async function sourceOf(directory: string, contexts: string[]): Promise<Commit & Pick<LedgerEntry, 'dirty'>> {
  const found = await commitOf(directory);
  if (found.commit === undefined) return found;
  const look = (folders: string[]) => {
    // The repository's own configuration may name a program that git would start to look.
    const words = ['git', '--no-optional-locks', '-c', 'core.fsmonitor=false', 'status', '--porcelain'];
    const more = ['--untracked-files=normal', '--', ...folders];
    return run([...words, ...more], { cwd: directory, deadlineSeconds: statusSeconds }).catch(noGit);
  };
  // Git ends with an error at a folder that lies outside of the repository.
  const all = await look(['.', ...contexts]);
  const { stdout } = all.exitCode === 0 ? all : await look(['.']);
  return { ...found, ...(stdout.trim() !== '' && { dirty: true as const }) };
}

/** Of a large repository on a slow disk. */
const statusSeconds = 30;

/** Where the project is committed; all undefined outside of a repository. */
export async function commitOf(directory: string): Promise<Commit> {
  const words = ['git', 'rev-parse', 'HEAD', '--show-prefix'];
  const { exitCode, stdout } = await run(words, { cwd: directory, deadlineSeconds: 5 }).catch(noGit);
  if (exitCode !== 0) return { commit: undefined, folder: undefined };
  const [commit, folder = ''] = stdout.split('\n');
  return { commit, folder };
}

const noGit = () => ({ exitCode: 1, stdout: '' });

/**
 * Hash of all that goes into a build: the definition and every file of the context that .dockerignore lets through. The
 * same hash means the same image, so an unchanged service is never built again. Base images that moved are not seen:
 * `deploy --build` is for those.
 */
export async function sourcesHash(build: ComposeBuild): Promise<string> {
  // Where the checkout lies says nothing about what is in it: a laptop and CI must find the same image.
  const placeless = withPaths(build, (path) => relative(build.context, path) || '.');
  const hash = createHash('sha256').update(stableJson(placeless));
  if (isElsewhere(build.context)) return hash.digest('hex').slice(0, 12);
  const included = await contextFilter(build);
  for (const path of await listFiles(build.context, build.context, included)) {
    hash.update(`\0${path}\0`);
    await addFile(hash, join(build.context, path));
  }
  return hash.digest('hex').slice(0, 12);
}

/** The builder reads `<Dockerfile>.dockerignore` before the context's own. */
async function contextFilter(build: ComposeBuild): Promise<(path: string) => boolean> {
  const dockerfile = resolve(build.context, build.dockerfile ?? 'Dockerfile');
  const text =
    (await readIfThere(`${dockerfile}.dockerignore`)) ??
    (await readIfThere(join(build.context, '.dockerignore'))) ??
    '';
  const rules = dockerignore().add(text);
  const always = relative(build.context, dockerfile);
  return (path) => path === always || !rules.ignores(path);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
}

async function listFiles(root: string, folder: string, included: (path: string) => boolean): Promise<string[]> {
  const found: string[] = [];
  for (const entry of (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = relative(root, join(folder, entry.name));
    // Git's own files are others in every checkout, and after every look at it.
    if (entry.name === '.git') continue;
    // A folder that is left out may still have files let in by a later `!` rule: only plain cases are skipped whole.
    if (entry.isDirectory() && entry.name === 'node_modules' && !included(path)) continue;
    if (entry.isDirectory()) found.push(...(await listFiles(root, join(folder, entry.name), included)));
    else if (included(path)) found.push(path);
  }
  return found;
}

async function addFile(hash: ReturnType<typeof createHash>, path: string): Promise<void> {
  const target = await readlink(path).catch(() => undefined);
  if (target !== undefined) {
    hash.update(`link ${target}`);
    return;
  }
  const { mode, size } = await stat(path);
  hash.update(`${mode & 0o111 ? 'x' : '-'}${size}\0`);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
}
