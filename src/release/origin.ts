import { isAbsolute, relative, resolve } from 'node:path';
import { contextsOf, isElsewhere } from '../stack/build-contexts.ts';
import type { Image } from '../engine/engine.ts';
import type { ComposeBuild, ComposeModel, ComposeService } from '../engine/compose-model.ts';

/** How to obtain one of the user's images on a machine that lacks it. */
export type Origin =
  /** By the registry's digest if there is one, else by name. */
  | { pull: string }
  /** From the commit in the ledger; paths are relative to the project. */
  | { build: ComposeBuild };

export function originOf(definition: ComposeService, image: Image | undefined, directory: string): Origin {
  if (definition.build) return { build: withPaths(definition.build, (path) => inside(directory, path)) };
  const name = definition.image ?? '';
  return { pull: image?.digests.find((digest) => repositoryOf(digest) === repositoryOf(name)) ?? name };
}

/**
 * In containerd's image store an image has a digest under each tag, including Horme's local tags, which no registry
 * has.
 */
const repositoryOf = (reference: string) =>
  reference
    .replace(/@.*$/, '')
    .replace(/:[^:/]*$/, '')
    .replace(/^(index\.)?docker\.io\//, '')
    .replace(/^library\//, '');

const inside = (directory: string, path: string) => (isAbsolute(path) ? relative(directory, path) || '.' : path);

/** The build secrets' file paths, without their content. */
export function buildSecrets({ secrets }: ComposeModel, directory: string): ComposeModel['secrets'] {
  if (!secrets) return undefined;
  return Object.fromEntries(
    Object.entries(secrets)
      .filter(([, { content }]) => content === undefined)
      .map(([name, secret]) => [
        name,
        secret.file === undefined ? secret : { ...secret, file: inside(directory, secret.file) },
      ]),
  );
}

/** The build, with paths resolved in a checkout of the project. An older Horme may have recorded absolute paths. */
export const buildIn = (build: ComposeBuild, directory: string): ComposeBuild =>
  withPaths(build, (path) => resolve(directory, path));

/** Folders that a build reads, the context first. */
export const pathsOf = (build: ComposeBuild): string[] =>
  [build.context, ...Object.values(contextsOf(build))].filter((context) => !isElsewhere(context));

/** The build with its local paths mapped by `place`, and without credentials in repository URLs. */
export function withPaths(build: ComposeBuild, place: (path: string) => string): ComposeBuild {
  const placed = (context: string) => (isElsewhere(context) ? withoutCredentials(context) : place(context));
  const more = Object.entries(contextsOf(build)).map(([name, context]) => [name, placed(context)]);
  return {
    ...build,
    context: placed(build.context),
    ...(more.length > 0 && { additional_contexts: Object.fromEntries(more) as Record<string, string> }),
  };
}

/**
 * Removes credentials from a repository's URL: they must not be stored, and would have expired before a recovery, whose
 * operator has their own. With HTTP the user name may be the token, so it goes too; with SSH it is part of the address, as
 * in `git@host:path`.
 */
export const withoutCredentials = (address: string): string =>
  address.replace(/^(https?:\/\/)[^/]*@/i, '$1').replace(/^([a-z][a-z0-9+.-]*:\/\/[^/:@]*):[^/]*@/i, '$1@');
