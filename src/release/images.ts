import { labels } from '../engine/labels.ts';
import type { Engine, Image } from '../engine/engine.ts';
import type { ComposeModel, Stack } from '../stack/stack.ts';
import type { Looking } from './context-files.ts';
import { sourcesHash } from './sources.ts';

/** The image that a service will run, and what must be done to have it. */
export interface ServiceImage {
  service: string;
  /** Horme's own tag for exactly this content. */
  reference: string;
  /** Undefined while it must be built or pulled first. */
  image: Image | undefined;
  work: 'build' | 'pull' | undefined;
  /** Hash of the sources; undefined for an image that is pulled. */
  sources: string | undefined;
}

/** Given to a service whose image isn't there yet, so that a plan can be made and printed before the build. */
export const unbuilt = 'unbuilt';

export interface Resolving extends Looking {
  /** Images whose sources were hashed before: they are looked for by that, whatever the files are by now. */
  known?: ServiceImage[];
}

export function resolveImages(
  stack: Stack,
  engine: Engine,
  rebuild: boolean,
  resolving: Resolving = {},
): Promise<ServiceImage[]> {
  const hashOf = sourcesOf(stack, resolving);
  return Promise.all(
    stack.services.map(async ({ name, definition }): Promise<ServiceImage> => {
      const repository = `${stack.project}/${name.toLowerCase()}`;
      if (definition.build) {
        const sources = await hashOf(name);
        const reference = `${repository}:${sources}`;
        const image = rebuild ? undefined : await engine.image(reference);
        return { service: name, reference, image, work: image ? undefined : 'build', sources };
      }
      const image = rebuild ? undefined : await engine.image(definition.image ?? '');
      const reference = image ? `${repository}:${image.id.replace('sha256:', '').slice(0, 12)}` : repository;
      return { service: name, reference, image, work: image ? undefined : 'pull', sources: undefined };
    }),
  );
}

/** Hashes each service's sources once, also when several builds take files from it. */
function sourcesOf(stack: Stack, { known = [], ...looking }: Resolving): (service: string) => Promise<string> {
  const hashes = new Map<string, Promise<string>>();
  const hashOf = (service: string, wanted: string[]): Promise<string> => {
    const found = hashes.get(service) ?? hash(service, [...wanted, service]);
    hashes.set(service, found);
    return found;
  };
  const hash = async (service: string, wanted: string[]): Promise<string> => {
    const before = known.find((image) => image.service === service)?.sources;
    const build = stack.services.find(({ name }) => name === service)?.definition.build;
    if (before !== undefined || build === undefined) return before ?? '';
    // Two that take files from each other can't be built: the builder says so.
    const other = async (name: string) => (wanted.includes(name) ? undefined : hashOf(name, wanted));
    return sourcesHash(build, { ...looking, service: other });
  };
  return (service) => hashOf(service, []);
}

/** The user's model with Horme's tags, for `docker compose build`. */
export function buildModel(stack: Stack, images: ServiceImage[]): ComposeModel {
  const services = { ...stack.model.services };
  for (const { service, reference, sources } of images) {
    const definition = services[service];
    if (!definition?.build || sources === undefined) continue;
    const own = { [labels.project]: stack.project, [labels.sources]: sources };
    const given = (definition.build.labels ?? {}) as Record<string, string>;
    services[service] = {
      ...definition,
      image: reference,
      build: { ...definition.build, labels: { ...given, ...own } },
    };
  }
  return { ...stack.model, services };
}

/** Names pulled images by their content, so that a tag that moves in the registry moves nothing here. */
export async function pinPulled(engine: Engine, images: ServiceImage[]): Promise<void> {
  for (const { image, reference, sources } of images) {
    if (sources === undefined && image && !image.tags.includes(reference)) await engine.tag(image.id, reference);
  }
}
