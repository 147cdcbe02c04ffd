import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Compose } from '../engine/compose.ts';
import type { Engine } from '../engine/engine.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import type { Emit } from '../events.ts';
import { imageTag, type ImageSources } from '../platform/images.ts';
import { commitsOf, type Ledger } from '../release/ledger.ts';
import { buildGroups, imageContext } from '../release/images.ts';
import { buildIn } from '../release/origin.ts';
import type { ReleaseContent, ReleaseService } from '../release/release.ts';
import { contextsOf, serviceIn } from '../stack/build-contexts.ts';
import type { ComposeBuild, ComposeModel } from '../engine/compose-model.ts';
import { placesOf, type Built, type Sources } from './sources.ts';

type Images = Record<string, { reference: string; id: string }>;

/** Of the platform's services; this version of Horme may have other tags than the one that deployed. */
export function platformImageOf({ image, owner }: ReleaseService, platform: ImageSources): string | undefined {
  const name = /^horme\/([a-z0-9-]+):/.exec(image)?.[1];
  return owner === 'user' || name === undefined || !(name in platform) ? undefined : name;
}

export function platformImagesOf(content: ReleaseContent, ids: Record<string, string>, platform: ImageSources): Images {
  return Object.fromEntries(
    content.services.flatMap((service) => {
      const name = platformImageOf(service, platform);
      return name ? [[service.name, { reference: imageTag(name, platform), id: ids[name] ?? '' }]] : [];
    }),
  );
}

/** Pulled by the registry's digest where it has one; built from the recorded commit where they were built. */
export async function userImages(
  { engine, compose, emit }: { engine: Engine; compose: Compose; emit: Emit },
  content: ReleaseContent,
  ledger: Ledger,
  sources: Sources,
): Promise<Images> {
  const users = content.services.filter(({ owner }) => owner === 'user');
  const missing: ReleaseService[] = [];
  for (const service of users) if (!(await engine.image(service.image))) missing.push(service);
  const built: Built[] = [];
  const others = Object.fromEntries(users.map(({ name, image }) => [name, image.slice(image.lastIndexOf(':') + 1)]));
  for (const service of missing) {
    const { name, image, origin } = service;
    const commits = commitsOf(ledger, service);
    if (origin && 'build' in origin) built.push({ name, image, build: origin.build, commits, others });
    else await pull(engine, compose, content, service, emit);
  }
  if (built.length > 0) await build({ compose, emit }, content, built, sources);
  const found = users.map(async ({ name, image }) => {
    const id = (await engine.image(image))?.id;
    if (id === undefined) throw new Error(`${image} was made, and the engine does not have it`);
    return [name, { reference: image, id }] as const;
  });
  return Object.fromEntries(await Promise.all(found));
}

async function pull(
  engine: Engine,
  compose: Compose,
  content: ReleaseContent,
  { name, image, origin }: ReleaseService,
  emit: Emit,
): Promise<void> {
  const reference = origin && 'pull' in origin ? origin.pull : image;
  if (!(await engine.image(reference))) {
    const model = { name: content.project, services: { [name]: { image: reference } } };
    await compose.pull(model, [name], (line) => emit({ kind: 'log', source: name, line }));
  }
  const pulled = await engine.image(reference);
  if (!pulled) throw notPulled(name, reference);
  await engine.tag(pulled.id, image);
}

const notPulled = (name: string, reference: string) =>
  new OperatorError(`the image of ${name}, ${reference}, is not to be had`, {
    code: 'image-missing',
    exitCode: exitCodes.checkFailed,
    next: `docker pull ${reference}   (or docker load it), then run the same command again`,
  });

async function build(
  { compose, emit }: { compose: Compose; emit: Emit },
  content: ReleaseContent,
  all: Built[],
  sources: Sources,
): Promise<void> {
  const temporary = await mkdtemp(join(tmpdir(), 'horme-recover-'));
  try {
    const places = await placesOf(all, sources, temporary, emit);
    const placed = all.map((one) => ({ ...one, build: buildIn(one.build, places.get(one.name) ?? '') }));
    const secretFile = (path: string) => secretIn([...places.values()], sources.directory, path);
    const model = buildModel(content, placed, secretFile);
    const made = Object.entries(model.services).map(([service, { image = '', build: own }]) => ({
      ...{ service, reference: image },
      ...(own && { build: own }),
    }));
    for (const names of buildGroups(made))
      await compose.build(model, names, (line) => emit({ kind: 'step-progress', id: 'recover', detail: line }));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** A context that is another service's image, by the tag that this release has of it. */
function withImages(build: ComposeBuild, { services }: ReleaseContent): ComposeBuild {
  const contexts = Object.entries(contextsOf(build));
  if (contexts.length === 0) return build;
  const named = contexts.map(([name, context]) => {
    const of = services.find(({ name: own }) => own === serviceIn(context));
    return [name, of ? imageContext(of.image) : context];
  });
  return { ...build, additional_contexts: Object.fromEntries(named) as Record<string, string> };
}

function buildModel(content: ReleaseContent, placed: Built[], secretFile: (path: string) => string): ComposeModel {
  const { project, buildSecrets } = content;
  const secrets = Object.entries(buildSecrets ?? {}).map(([name, secret]) => [
    name,
    secret.file === undefined ? secret : { ...secret, file: secretFile(secret.file) },
  ]);
  return {
    name: project,
    services: Object.fromEntries(
      placed.map(({ name, image, build }) => [name, { image, build: withImages(build, content) }]),
    ),
    secrets: Object.fromEntries(secrets) as ComposeModel['secrets'] & object,
  };
}

/** What git ignores is not in the clone of a commit; it may lie where the command was given. */
const secretIn = (places: string[], here: string, path: string): string =>
  places.map((place) => join(place, path)).find(existsSync) ?? join(here, path);
