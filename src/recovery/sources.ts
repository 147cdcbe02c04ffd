import { existsSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { OperatorError, exitCodes } from '../errors.ts';
import type { Emit } from '../events.ts';
import { buildIn, pathsOf } from '../release/origin.ts';
import { isElsewhere } from '../stack/build-contexts.ts';
import type { Committed } from '../release/ledger.ts';
import { sourcesHash } from '../release/sources.ts';
import { isBelow } from '../stack/contained.ts';
import type { ComposeBuild } from '../engine/compose-model.ts';
import { Checkouts, type Placed } from './checkouts.ts';

/** An image to rebuild, and the commits in the ledger that may have its sources. */
export interface Built {
  name: string;
  image: string;
  /** Paths are relative to the project. */
  build: ComposeBuild;
  /** Newest first. */
  commits: Committed[];
  /** Hashes of the sources of other services, by name, which a build may use as contexts. */
  others?: Record<string, string>;
}

export interface Sources {
  /** The working directory, which may be a checkout of the project. */
  directory: string;
  remote: string | undefined;
  /** Build images even from files that differ from the original sources. */
  accepted: boolean;
  signal: AbortSignal;
}

/** The sources of each image: the working directory if its files match, else one of the image's commits. */
export async function placesOf(
  all: Built[],
  sources: Sources,
  temporary: string,
  emit: Emit,
): Promise<Map<string, string>> {
  const { directory, accepted } = sources;
  const here = await those(all, async (one) => mayLieIn(directory, one) && isMadeFrom(directory, one));
  const places = new Map(here.map(({ name }) => [name, directory]));
  const checkouts = new Checkouts(sources, temporary, emit);
  const differing: string[] = [];
  for (const one of all.filter(({ name }) => !places.has(name))) {
    const { at, looked } = await search(one, checkouts);
    if (!at || looked.includes(at)) differing.push(difference(one, looked, directory));
    places.set(one.name, at ? join(await checkouts.keep(at.commit), at.folder) : directory);
  }
  if (differing.length > 0 && !accepted) throw differ(differing);
  for (const text of differing) emit({ kind: 'warning', text });
  return places;
}

async function those(all: Built[], test: (one: Built) => Promise<boolean>): Promise<Built[]> {
  const tested = await Promise.all(all.map(test));
  return all.filter((_one, index) => tested[index]);
}

/** Cheap check before hashing, which reads all files: the working directory may be a home directory. */
function mayLieIn(directory: string, { build }: Built): boolean {
  const { context, dockerfile = 'Dockerfile', dockerfile_inline: inline } = buildIn(build, directory);
  return isElsewhere(context) || existsSync(inline === undefined ? resolve(context, dockerfile) : context);
}

/**
 * Compares the folder's hash with the one in the image's tag. A remote context can't be hashed, so it always matches.
 */
async function isMadeFrom(directory: string, { image, build, others = {} }: Built): Promise<boolean> {
  if (isElsewhere(build.context)) return true;
  const service = async (name: string) => others[name];
  const hash = await sourcesHash(buildIn(build, directory), { service }).catch(() => 'of a folder that is not there');
  return image.endsWith(`:${hash}`);
}

/**
 * The newest commit that has the image's sources, and those that were `looked` at in vain. If none has them, the oldest
 * commit: the image was built with it, and later ones may have newer files. Undefined: no commit is known.
 */
async function search(one: Built, checkouts: Checkouts): Promise<{ at: Placed | undefined; looked: Placed[] }> {
  const all = inRepository(one, await checkouts.place(one.commits));
  const looked: Placed[] = [];
  for (const at of [...all.filter(({ near }) => near), ...all.filter(({ near }) => !near)]) {
    const root = await checkouts.look(at.commit);
    if (root === undefined) continue;
    if (await isMadeFrom(join(root, at.folder), one)) return { at, looked };
    looked.push(at);
  }
  const oldest = all.at(-1);
  if (oldest && looked.length === 0) throw noSources(one, oldest);
  return { at: all.findLast((at) => looked.includes(at)), looked };
}

/** An older Horme recorded absolute paths even for folders of the repository. */
function inRepository({ name, build }: Built, all: Placed[]): Placed[] {
  const paths = pathsOf(build).filter((path) => !isAbsolute(path));
  const outside = ({ folder }: Placed) => paths.find((path) => !isBelow('.', join(folder, path)));
  const inside = all.filter((at) => outside(at) === undefined);
  const [newest] = all;
  if (newest && inside.length === 0) throw notInRepository(name, outside(newest) ?? '');
  return inside;
}

const noSources = ({ name }: Built, { commit }: Placed) =>
  new OperatorError(`${name} was built from commit ${commit}, which is neither here nor in the kit's remote`, {
    code: 'sources-missing',
    exitCode: exitCodes.checkFailed,
    next: 'run the same in a checkout of the project that has the commit',
  });

const notInRepository = (name: string, path: string) =>
  new OperatorError(`${name} was built from ${path}, outside of the repository: no commit has it`, {
    code: 'sources-outside',
    exitCode: exitCodes.checkFailed,
    next: 'run the same where the project and this folder lie as they did: --project-directory DIR',
  });

function difference({ name, image, commits }: Built, looked: Placed[], here: string): string {
  if (looked.length === 0) return `${name}: ${image} was built from other files than ${here} has`;
  const gone = commits.filter(({ commit }) => !looked.some((at) => at.commit === commit));
  const missing = gone.length > 0 ? `; nobody here has ${named(gone)}` : '';
  // An older Horme recorded no folder, so the location may be wrong as well as the files.
  if (commits.at(-1)?.folder === undefined) return `${name}: ${untold(image, named(looked))}${missing}`;
  const changed = commits.some(({ dirty }) => dirty) ? '; its files had changes that were not committed' : '';
  return `${name}: ${image} was built from other files than ${named(looked)} has${changed}${missing}`;
}

const untold = (image: string, commit: string) =>
  `an older Horme recorded ${image}, so it can't be told whether it was built from what ${commit} has: ` +
  "that one did not note the project's folder in its repository (where this is all, the same in that folder helps: " +
  '--project-directory DIR), and may have counted what every checkout has otherwise (files of .git, paths of more contexts)';

/** `commits`: newest first; the oldest is the one that the image was built with. */
const named = (commits: { commit: string }[]) =>
  `commit ${commits.at(-1)?.commit}${commits.length > 1 ? `, or any of the ${commits.length - 1} after it,` : ''}`;

const differ = (differences: string[]) =>
  new OperatorError('not all images would be what they were', {
    code: 'sources-differ',
    exitCode: exitCodes.checkFailed,
    lastSeen: [
      ...differences,
      'files that were not committed, or that git ignores and .dockerignore does not, are in no commit',
    ].join('\n'),
    next: 'run the same where these files are (--project-directory DIR), or build what there is: --accept-sources',
  });
