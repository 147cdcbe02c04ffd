import { isAbsolute, relative, resolve } from 'node:path';
import { contextsOf, isElsewhere } from '../stack/build-contexts.ts';
import type { Image } from '../engine/engine.ts';
import type { ComposeBuild, ComposeModel, ComposeService } from '../engine/compose-model.ts';

/** How an image of the user's is had again on a machine that has none of it. */
export type Origin =
  /** By the registry's digest where it has one, else by its name. */
  | { pull: string }
  /** From the commit that the ledger has; paths are relative to the project. */
  | { build: ComposeBuild };

export function originOf(definition: ComposeService, image: Image | undefined, directory: string): Origin {
  if (definition.build) return { build: withPaths(definition.build, (path) => inside(directory, path)) };
  const name = definition.image ?? '';
  return { pull: image?.digests.find((digest) => repositoryOf(digest) === repositoryOf(name)) ?? name };
}

/** Under containerd's image store an image has a digest by each of its tags, Horme's own among them, which no registry has. */
const repositoryOf = (reference: string) =>
  reference
    .replace(/@.*$/, '')
    .replace(/:[^:/]*$/, '')
    .replace(/^(index\.)?docker\.io\//, '')
    .replace(/^library\//, '');

const inside = (directory: string, path: string) => (isAbsolute(path) ? relative(directory, path) || '.' : path);

/** Secrets that a build may read: where their files are, not what is in them. */
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

/** In a checkout of the project. What an older Horme recorded may have other contexts as absolute paths. */
export const buildIn = (build: ComposeBuild, directory: string): ComposeBuild =>
  withPaths(build, (path) => resolve(directory, path));

/** Folders that a build reads, the context first. */
export const pathsOf = (build: ComposeBuild): string[] =>
  [build.context, ...Object.values(contextsOf(build))].filter((context) => !isElsewhere(context));

/** The same build with its folders at other places, and no credentials of its repositories. */
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
 * Of a repository's address. A password or a token in it would have ended long before it is needed again, and is nobody's
 * business: who recovers has their own. With HTTP the user's name may be the token; with SSH it is part of the way, as in
 * `git@host:path`.
 */
export const withoutCredentials = (address: string): string =>
  address.replace(/^(https?:\/\/)[^/]*@/i, '$1').replace(/^([a-z][a-z0-9+.-]*:\/\/[^/:@]*):[^/]*@/i, '$1@');
