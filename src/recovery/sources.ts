import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { run } from '../engine/process.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import type { Emit } from '../events.ts';
import { buildIn, isElsewhere, pathsOf } from '../release/origin.ts';
import { sourcesHash } from '../release/sources.ts';
import { isBelow } from '../stack/contained.ts';
import type { ComposeBuild } from '../stack/stack.ts';
import { withoutCredentials } from './make.ts';

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

export interface Sources {
  /** Where the command was given: a checkout of the project, maybe. */
  directory: string;
  remote: string | undefined;
  /** Images are built although the files are not those that they were built from. */
  accepted: boolean;
}

/** Where the project of each image lies: here, if these are the files that it was built from; else in its commit. */
export async function placesOf(
  all: Built[],
  sources: Sources,
  temporary: string,
  emit: Emit,
): Promise<Map<string, string>> {
  const { directory } = sources;
  const here = await those(all, async (one) => mayLieIn(directory, one) && isMadeFrom(directory, one));
  const others = all.filter((one) => !here.includes(one));
  const places = await checkOut(others, sources, temporary, emit);
  const differing = await those(others, async (one) => !(await isMadeFrom(places.get(one.name) ?? '', one)));
  if (differing.length > 0 && !sources.accepted) throw differ(differing, directory);
  for (const one of differing) emit({ kind: 'warning', text: difference(one, directory) });
  return new Map([...places, ...here.map(({ name }) => [name, directory] as const)]);
}

async function those(all: Built[], test: (one: Built) => Promise<boolean>): Promise<Built[]> {
  const tested = await Promise.all(all.map(test));
  return all.filter((_one, index) => tested[index]);
}

/** Hashing reads all files below: of a home directory, where the command may have been given, that takes its time. */
function mayLieIn(directory: string, { build }: Built): boolean {
  const { context, dockerfile = 'Dockerfile', dockerfile_inline: inline } = buildIn(build, directory);
  return isElsewhere(context) || existsSync(inline === undefined ? resolve(context, dockerfile) : context);
}

/** An image's tag has the hash of the sources it was built from. */
async function isMadeFrom(directory: string, { image, build }: Built): Promise<boolean> {
  const hash = await sourcesHash(buildIn(build, directory)).catch(() => 'of a folder that is not there');
  return image.endsWith(`:${hash}`);
}

/** In its commit; here, where nobody knows of a commit. */
async function checkOut(
  all: Built[],
  { directory: here, remote }: Sources,
  temporary: string,
  emit: Emit,
): Promise<Map<string, string>> {
  const commits = [...new Set(all.map(({ commit }) => commit).filter((commit) => commit !== undefined))];
  const root = (commit: string) => join(temporary, commit);
  let from = await whereIs(commits, here, remote, emit);
  for (const commit of commits) {
    await must(temporary, ['clone', '--quiet', '--no-checkout', '--', from, root(commit)], cloneSeconds);
    await must(root(commit), ['checkout', '--quiet', '--detach', commit], gitSeconds);
    // A copy on the same disk has every commit, and costs no way over the network.
    from = root(commit);
  }
  return new Map(
    all.map(({ name, build, commit, folder }) => {
      if (commit === undefined) return [name, here];
      const directory = join(root(commit), folder);
      const outside = pathsOf(build).find((path) => !isBelow(root(commit), join(directory, path)));
      if (outside !== undefined) throw notInRepository(name, outside);
      return [name, directory];
    }),
  );
}

/** What to clone: the repository around the command's folder where it has all commits, else the remote. */
async function whereIs(commits: string[], here: string, remote: string | undefined, emit: Emit): Promise<string> {
  const [first] = commits;
  if (first === undefined) return '';
  const { exitCode, stdout } = await git(here, ['rev-parse', '--show-toplevel'], gitSeconds);
  const known = commits.map(async (commit) => {
    const looked = await git(here, ['cat-file', '-e', `${commit}^{commit}`], gitSeconds);
    return looked.exitCode === 0;
  });
  if (exitCode === 0 && (await Promise.all(known)).every(Boolean)) return stdout.trim();
  if (remote === undefined) throw noSources(first);
  emit({ kind: 'note', text: `cloning ${withoutCredentials(remote)}` });
  return remote;
}

const git = (cwd: string, words: string[], deadlineSeconds: number) => run(['git', ...words], { cwd, deadlineSeconds });

async function must(cwd: string, words: string[], deadlineSeconds: number): Promise<void> {
  const { exitCode, stderr } = await git(cwd, words, deadlineSeconds);
  if (exitCode === 0) return;
  throw new OperatorError(`git ${words[0]} failed`, {
    code: 'sources-missing',
    exitCode: exitCodes.checkFailed,
    lastSeen: withoutPasswords(stderr).trim().slice(-1000),
    next: 'run the same in a checkout of the project that has the commit',
  });
}

/** An older kit's remote may have one; ssh names `user:password@host` without the scheme. */
const withoutPasswords = (text: string) =>
  text.replaceAll(/\w+:\/\/\S+/g, (url) => withoutCredentials(url)).replaceAll(/[^\s/'"]+:[^\s/]+@/g, '');

const noSources = (commit: string) =>
  new OperatorError(`the images were built from commit ${commit}, which is not here`, {
    code: 'sources-missing',
    exitCode: exitCodes.checkFailed,
    next: 'run the same in a checkout of the project',
  });

const notInRepository = (name: string, path: string) =>
  new OperatorError(`${name} was built from ${path}, outside of the repository: no commit has it`, {
    code: 'sources-outside',
    exitCode: exitCodes.checkFailed,
    next: 'run the same where the project and this folder lie as they did: --project-directory DIR',
  });

const difference = ({ name, image, commit }: Built, here: string) =>
  `${name}: ${image} was built from other files than ${commit === undefined ? here : `commit ${commit}`} has`;

const differ = (all: Built[], here: string) =>
  new OperatorError('not all images would be what they were', {
    code: 'sources-differ',
    exitCode: exitCodes.checkFailed,
    lastSeen: [
      ...all.map((one) => difference(one, here)),
      'files that were not committed, or that git ignores and .dockerignore does not, are in no commit',
    ].join('\n'),
    next: 'run the same where these files are (--project-directory DIR), or build what there is: --accept-sources',
  });
