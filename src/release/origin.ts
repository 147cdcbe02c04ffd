import { isAbsolute, join, relative } from 'node:path';
import type { Image } from '../engine/engine.ts';
import type { ComposeBuild, ComposeModel, ComposeService } from '../stack/stack.ts';

/** How an image of the user's is had again on a machine that has none of it. */
export type Origin =
  /** By the registry's digest where it has one, else by its name. */
  | { pull: string }
  /** From the commit that the ledger has; paths are relative to the project. */
  | { build: ComposeBuild };

export function originOf(definition: ComposeService, image: Image | undefined, directory: string): Origin {
  if (definition.build) return { build: { ...definition.build, context: inside(directory, definition.build.context) } };
  return { pull: image?.digests[0] ?? definition.image ?? '' };
}

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

/** In a checkout of the project. */
export const buildIn = (build: ComposeBuild, directory: string): ComposeBuild => ({
  ...build,
  context: isRemote(build.context) ? build.context : join(directory, build.context),
});

const isRemote = (context: string) => /^[a-z][a-z0-9+.-]*:\/\/|^git@/.test(context);
