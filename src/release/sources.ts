import { createHash, type Hash } from 'node:crypto';
import { readlink, realpath } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { run } from '../engine/process.ts';
import { contextsOf, isElsewhere, serviceIn } from '../stack/build-contexts.ts';
import type { ComposeBuild } from '../engine/compose-model.ts';
import { listFiles, openSource, rulesFor, unreadable, type Looking, type Rules } from './context-files.ts';
import type { LedgerEntry } from './ledger.ts';
import { withPaths } from './origin.ts';
import { stableJson } from '../fingerprint.ts';

export type Commit = Pick<LedgerEntry, 'commit' | 'folder'>;

/**
 * The source as the ledger records it. `dirty` if git reports changed or untracked files below the project or one of
 * these folders; ignored files don't count.
 */
export async function sourceOf(directory: string, contexts: string[]): Promise<Commit & Pick<LedgerEntry, 'dirty'>> {
  const found = await commitOf(directory);
  if (found.commit === undefined) return found;
  const look = (folders: string[]) => {
    // The repository's configuration may name a program as fsmonitor, which git would execute.
    const words = ['git', '--no-optional-locks', '-c', 'core.fsmonitor=false', 'status', '--porcelain'];
    const more = ['--untracked-files=normal', '--', ...folders];
    return run([...words, ...more], { cwd: directory, deadlineSeconds: statusSeconds }).catch(noGit);
  };
  // Git fails on a folder outside of the repository.
  const all = await look(['.', ...contexts]);
  const { stdout } = all.exitCode === 0 ? all : await look(['.']);
  return { ...found, ...(stdout.trim() !== '' && { dirty: true as const }) };
}

/** Enough for a large repository on a slow disk. */
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

export interface Hashing extends Looking {
  /**
   * Hash of another service that a build uses as `service:` in additional_contexts; undefined: only its name is hashed.
   */
  service?: (name: string) => Promise<string | undefined>;
}

/**
 * Hash of a build's inputs: the definition, every file of the context that .dockerignore admits, the Dockerfile
 * wherever it is, and other local contexts. The same hash means the same image, so an unchanged service is never
 * rebuilt. Not included: moved base images, downloads during the build, and the content of build secrets, which the
 * builder's cache ignores too. `deploy --build` is for those.
 */
export async function sourcesHash(build: ComposeBuild, hashing: Hashing = {}): Promise<string> {
  // The checkout's location must not count: a laptop and CI must get the same hash.
  const placeless = withPaths(build, (path) => relative(build.context, path) || '.');
  const hash = createHash('sha256').update(stableJson(placeless));
  if (!isElsewhere(build.context)) await addContext(hash, build, hashing);
  for (const [name, context] of Object.entries(contextsOf(build)).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const service = serviceIn(context);
    if (service !== undefined) await addService(hash, name, service, hashing);
    else if (!isElsewhere(context)) await addFolder(hash, name, context, hashing);
  }
  return hash.digest('hex').slice(0, 12);
}

async function addContext(hash: Hash, build: ComposeBuild, hashing: Hashing): Promise<void> {
  const { context, dockerfile_inline: inline } = build;
  const dockerfile = resolve(context, build.dockerfile ?? 'Dockerfile');
  const always = relative(context, dockerfile);
  // The builder reads `<Dockerfile>.dockerignore` before the context's own.
  const rules = await rulesFor([`${dockerfile}.dockerignore`, join(context, '.dockerignore')]);
  const kept: Rules = { ...rules, ignores: (path) => path !== always && rules.ignores(path) };
  const files = await addFiles(hash, context, kept, hashing);
  if (inline !== undefined) return;
  // A Dockerfile outside the context, or a link that leads outside: the builder sends it beside the context.
  const real = await realpath(dockerfile).catch(() => dockerfile);
  const within = relative(await realpath(context).catch(() => context), real);
  if (files.has(within)) return;
  hash.update('\0Dockerfile\0');
  await addContent(hash, real, hashing);
}

async function addService(hash: Hash, name: string, service: string, { service: hashOf }: Hashing): Promise<void> {
  const own = await hashOf?.(service);
  if (own !== undefined) hash.update(`\0\0service ${name}\0${own}`);
}

/** Hashes another context, with its own .dockerignore, as the builder does. */
async function addFolder(hash: Hash, name: string, folder: string, hashing: Hashing): Promise<void> {
  hash.update(`\0\0context ${name}`);
  await addFiles(hash, folder, await rulesFor([join(folder, '.dockerignore')]), hashing);
}

async function addFiles(hash: Hash, folder: string, rules: Rules, hashing: Hashing): Promise<Set<string>> {
  const files = await listFiles(folder, rules, hashing);
  for (const path of files) {
    hash.update(`\0${path}\0`);
    await addFile(hash, join(folder, path), hashing);
  }
  return new Set(files);
}

async function addFile(hash: Hash, path: string, hashing: Hashing): Promise<void> {
  const target = await readlink(path).catch(() => undefined);
  if (target === undefined) return addContent(hash, path, hashing);
  hash.update(`link ${target}`);
}

/** Reads up to the size at opening, so that a file which grows meanwhile, such as a log, comes to an end. */
async function addContent(hash: Hash, path: string, { signal, onOwnOutput }: Hashing): Promise<void> {
  const file = await openSource(path);
  if (file === undefined) return;
  try {
    const { mode, size, isOwnOutput } = file;
    if (isOwnOutput) onOwnOutput?.(path);
    hash.update(`${mode & 0o111 ? 'x' : '-'}${size}\0`);
    if (size === 0) return;
    const content = file.handle.createReadStream({ end: size - 1, autoClose: false, ...(signal && { signal }) });
    for await (const chunk of content) hash.update(chunk as Buffer);
  } catch (cause) {
    signal?.throwIfAborted();
    throw unreadable(path, cause);
  } finally {
    await file.handle.close();
  }
}
