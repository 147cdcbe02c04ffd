import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run, type ProcessResult } from '../engine/process.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import type { Emit } from '../events.ts';
import type { Committed } from '../release/ledger.ts';
import { withoutCredentials } from '../release/origin.ts';
import { commitOf } from '../release/sources.ts';

/** Cloning a large repository over a slow line; seconds. */
const cloneSeconds = 3600;
const gitSeconds = 600;

/** Location of the project in a commit; `near`: the commit is available locally, without a clone over the network. */
export interface Placed {
  commit: string;
  folder: string;
  near: boolean;
}

/**
 * Checks out commits from the repository that contains the working directory, else from the remote. Each repository is
 * copied when it is first needed, so that the operator's own is never modified.
 */
export class Checkouts {
  readonly #here: string;
  readonly #remote: string | undefined;
  readonly #temporary: string;
  readonly #emit: Emit;
  readonly #signal: AbortSignal;
  readonly #copied = new Set<string>();

  constructor(
    where: { directory: string; remote: string | undefined; signal: AbortSignal },
    temporary: string,
    emit: Emit,
  ) {
    this.#signal = where.signal;
    this.#here = where.directory;
    this.#remote = where.remote;
    this.#temporary = temporary;
    this.#emit = emit;
  }

  /** If no folder was recorded, the project is assumed in the working directory, if its repository has the commit. */
  async place(all: Committed[]): Promise<Placed[]> {
    const { folder: here = '' } = await commitOf(this.#here);
    const placed = all.map(async ({ commit, folder }) => {
      const near = await this.#has(this.#here, commit);
      return { commit, near, folder: folder ?? (near ? here : '') };
    });
    return Promise.all(placed);
  }

  /** A temporary checkout, reused by the next call, so that hundreds of commits need no more space than one. */
  async look(commit: string): Promise<string | undefined> {
    const copy = await this.#copyWith(commit);
    if (copy === undefined) return undefined;
    await this.#must(copy, ['checkout', '--quiet', '--force', '--detach', commit], gitSeconds);
    // Otherwise a submodule that this commit lacks would remain.
    await this.#must(copy, ['clean', '--quiet', '-ffdx'], gitSeconds);
    await this.#addSubmodules(copy);
    return copy;
  }

  /** A permanent checkout of a commit. */
  async keep(commit: string): Promise<string> {
    const copy = await this.#copyWith(commit);
    const folder = join(this.#temporary, commit);
    if (copy === undefined || existsSync(folder)) return folder;
    await this.#must(copy, ['worktree', 'add', '--detach', folder, commit], gitSeconds);
    await this.#addSubmodules(folder);
    return folder;
  }

  /** A submodule that can't be fetched is only a warning, since the image may not need its files. */
  async #addSubmodules(copy: string): Promise<void> {
    const added = await this.#git(
      copy,
      ['submodule', 'update', '--quiet', '--init', '--recursive', '--force'],
      cloneSeconds,
    );
    if (added.exitCode === 0) return;
    this.#emit({
      kind: 'warning',
      text: `submodules are missing: ${withoutPasswords(added.stderr).trim().slice(-1000)}`,
    });
  }

  async #copyWith(commit: string): Promise<string | undefined> {
    const copy = (await this.#has(this.#here, commit)) ? await this.#copyOfHere() : await this.#copyOfRemote();
    return copy !== undefined && (await this.#has(copy, commit)) ? copy : undefined;
  }

  async #copyOfHere(): Promise<string> {
    const { stdout } = await this.#git(this.#here, ['rev-parse', '--show-toplevel'], gitSeconds);
    const copy = await this.#copy('here', stdout.trim());
    // A relative submodule URL is relative to the project's remote.
    const origin = await this.#git(this.#here, ['remote', 'get-url', 'origin'], gitSeconds);
    if (origin.exitCode === 0)
      await this.#must(copy, ['remote', 'set-url', 'origin', origin.stdout.trim()], gitSeconds);
    return copy;
  }

  async #copyOfRemote(): Promise<string | undefined> {
    if (this.#remote === undefined) return undefined;
    if (!this.#copied.has('remote')) this.#emit({ kind: 'note', text: `cloning ${withoutCredentials(this.#remote)}` });
    return this.#copy('remote', this.#remote);
  }

  async #copy(name: 'here' | 'remote', from: string): Promise<string> {
    const copy = join(this.#temporary, name);
    if (!this.#copied.has(name))
      await this.#must(this.#temporary, ['clone', '--quiet', '--no-checkout', '--', from, copy], cloneSeconds);
    this.#copied.add(name);
    return copy;
  }

  async #has(repository: string, commit: string): Promise<boolean> {
    const { exitCode } = await this.#git(repository, ['cat-file', '-e', `${commit}^{commit}`], gitSeconds);
    return exitCode === 0;
  }

  #git(cwd: string, words: string[], deadlineSeconds: number): Promise<ProcessResult> {
    return run(['git', ...words], { cwd, deadlineSeconds, signal: this.#signal });
  }

  async #must(cwd: string, words: string[], deadlineSeconds: number): Promise<void> {
    const { exitCode, stderr } = await this.#git(cwd, words, deadlineSeconds);
    if (exitCode === 0) return;
    throw new OperatorError(`git ${words[0]} failed`, {
      code: 'sources-missing',
      exitCode: exitCodes.checkFailed,
      lastSeen: withoutPasswords(stderr).trim().slice(-1000),
      next: 'run the same in a checkout of the project that has the commit',
    });
  }
}

/** Removes passwords, which an older kit's remote may contain. ssh prints `user:password@host` without a scheme. */
const withoutPasswords = (text: string) =>
  text.replaceAll(/\w+:\/\/\S+/g, (url) => withoutCredentials(url)).replaceAll(/[^\s/'"]+:[^\s/]+@/g, '');
