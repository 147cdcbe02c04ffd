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

/** Where the project lies in a commit; `near`: the commit is here, and needs no clone over the network. */
export interface Placed {
  commit: string;
  folder: string;
  near: boolean;
}

/**
 * Files of commits, from the repository around the command's folder where it has them, else from the remote. Each of the
 * two is copied when it is first needed: the operator's own is never written to.
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

  /** A project whose folder nobody noted lies where the command was given, if that is in a repository with the commit. */
  async place(all: Committed[]): Promise<Placed[]> {
    const { folder: here = '' } = await commitOf(this.#here);
    const placed = all.map(async ({ commit, folder }) => {
      const near = await this.#has(this.#here, commit);
      return { commit, near, folder: folder ?? (near ? here : '') };
    });
    return Promise.all(placed);
  }

  /** A folder that has its files until another one is looked at: of hundreds, each needs no room of its own. */
  async look(commit: string): Promise<string | undefined> {
    const copy = await this.#copyWith(commit);
    if (copy === undefined) return undefined;
    await this.#must(copy, ['checkout', '--quiet', '--force', '--detach', commit], gitSeconds);
    // A submodule that this commit doesn't have stays otherwise.
    await this.#must(copy, ['clean', '--quiet', '-ffdx'], gitSeconds);
    await this.#addSubmodules(copy);
    return copy;
  }

  /** A folder that goes on having the files of a commit that was looked at. */
  async keep(commit: string): Promise<string> {
    const copy = await this.#copyWith(commit);
    const folder = join(this.#temporary, commit);
    if (copy === undefined || existsSync(folder)) return folder;
    await this.#must(copy, ['worktree', 'add', '--detach', folder, commit], gitSeconds);
    await this.#addSubmodules(folder);
    return folder;
  }

  /** What can't be had is told, and no reason to end: the image in question may be built from other files. */
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
    // Where a submodule's address is relative, it is so to the project's own.
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

/** An older kit's remote may have one; ssh names `user:password@host` without the scheme. */
const withoutPasswords = (text: string) =>
  text.replaceAll(/\w+:\/\/\S+/g, (url) => withoutCredentials(url)).replaceAll(/[^\s/'"]+:[^\s/]+@/g, '');
