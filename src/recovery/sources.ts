import { join } from 'node:path';
import { run } from '../engine/process.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import type { Emit } from '../events.ts';
import { buildIn, pathsOf } from '../release/origin.ts';
import { isBelow } from '../stack/contained.ts';
import type { ComposeBuild } from '../stack/stack.ts';

/** Cloning a large repository over a slow line; seconds. */
const cloneSeconds = 3600;
const gitSeconds = 600;

/** An image that is built again: how, and where the ledger says that its sources are. */
export interface Built {
  name: string;
  image: string;
  /** Paths are relative to the project. */
  build: ComposeBuild;
  commit: string | undefined;
  /** Of the project in the commit; empty: it is the repository's root. */
  folder: string;
}

export interface Repository {
  /** Where the command was given: a checkout of the project, maybe. */
  directory: string;
  remote: string | undefined;
}

/** Where the project of each image lies, in its commit; here, where nobody knows of a commit. */
export async function checkOut(
  all: Built[],
  repository: Repository,
  temporary: string,
  emit: Emit,
): Promise<Map<string, string>> {
  const commits = [...new Set(all.map(({ commit }) => commit).filter((commit) => commit !== undefined))];
  const root = (commit: string) => join(temporary, commit);
  let from = await whereIs(commits, repository, emit);
  for (const commit of commits) {
    await must(temporary, ['clone', '--quiet', '--no-checkout', '--', from, root(commit)], cloneSeconds);
    await must(root(commit), ['checkout', '--quiet', '--detach', commit], gitSeconds);
    // A copy on the same disk has every commit, and costs no way over the network.
    from = root(commit);
  }
  return new Map(
    all.map(({ name, build, commit, folder }) => {
      if (commit === undefined) return [name, repository.directory];
      const directory = join(root(commit), folder);
      const outside = pathsOf(buildIn(build, directory)).find((path) => !isBelow(root(commit), path));
      if (outside !== undefined) throw notInRepository(name, build);
      return [name, directory];
    }),
  );
}

/** What to clone: the repository around the command's folder where it has all commits, else the remote. */
async function whereIs(commits: string[], { directory, remote }: Repository, emit: Emit): Promise<string> {
  const [first] = commits;
  if (first === undefined) return '';
  const { exitCode, stdout } = await git(directory, ['rev-parse', '--show-toplevel'], gitSeconds);
  const known = commits.map(async (commit) => {
    const looked = await git(directory, ['cat-file', '-e', `${commit}^{commit}`], gitSeconds);
    return looked.exitCode === 0;
  });
  if (exitCode === 0 && (await Promise.all(known)).every(Boolean)) return stdout.trim();
  if (remote === undefined) throw noSources(first);
  emit({ kind: 'note', text: `cloning ${remote}` });
  return remote;
}

const git = (cwd: string, words: string[], deadlineSeconds: number) => run(['git', ...words], { cwd, deadlineSeconds });

async function must(cwd: string, words: string[], deadlineSeconds: number): Promise<void> {
  const { exitCode, stderr } = await git(cwd, words, deadlineSeconds);
  if (exitCode === 0) return;
  throw new OperatorError(`git ${words[0]} failed`, {
    code: 'sources-missing',
    exitCode: exitCodes.checkFailed,
    lastSeen: stderr.trim().slice(-1000),
    next: 'run the same in a checkout of the project that has the commit',
  });
}

const noSources = (commit: string) =>
  new OperatorError(`the images were built from commit ${commit}, which is not here`, {
    code: 'sources-missing',
    exitCode: exitCodes.checkFailed,
    next: 'run the same in a checkout of the project',
  });

const notInRepository = (name: string, build: ComposeBuild) =>
  new OperatorError(
    `${name} was built from ${pathsOf(build).join(' and ')}: outside of the repository, so in no commit`,
    {
      code: 'sources-outside',
      exitCode: exitCodes.checkFailed,
      next: `load the image of ${name} into the engine (docker load) by the name that it had, then the same again`,
    },
  );
