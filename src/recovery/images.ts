import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Compose } from '../engine/compose.ts';
import type { Engine } from '../engine/engine.ts';
import { run } from '../engine/process.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import type { Emit } from '../events.ts';
import { imageTags } from '../platform/images.ts';
import { platformImages, type PlatformImage } from '../platform/part.ts';
import type { ReleaseContent, ReleaseService } from '../release/release.ts';
import { buildIn, type Origin } from '../release/origin.ts';
import { sourcesHash } from '../release/sources.ts';
import type { ComposeBuild, ComposeModel } from '../stack/stack.ts';

type Images = Record<string, { reference: string; id: string }>;

/** Cloning a large repository over a slow line; seconds. */
const cloneSeconds = 3600;
const gitSeconds = 600;

/** Of the platform's services; this version of Horme may have other tags than the one that deployed. */
export function platformImageOf({ image, owner }: ReleaseService): PlatformImage | undefined {
  const name = /^horme\/([a-z0-9-]+):/.exec(image)?.[1];
  return owner === 'user' ? undefined : platformImages.find((one) => one === name);
}

export function platformImagesOf(content: ReleaseContent, ids: Record<string, string>): Images {
  const tags = imageTags();
  return Object.fromEntries(
    content.services.flatMap((service) => {
      const name = platformImageOf(service);
      return name ? [[service.name, { reference: tags[name], id: ids[name] ?? '' }]] : [];
    }),
  );
}

export interface Source {
  /** A checkout of the project, where the command was given. */
  directory: string;
  remote: string | undefined;
  commit: string | undefined;
}

/** Pulled by the registry's digest where it has one; built from the recorded commit where they were built. */
export async function userImages(
  { engine, compose, emit }: { engine: Engine; compose: Compose; emit: Emit },
  content: ReleaseContent,
  source: Source,
): Promise<Images> {
  const users = content.services.filter(({ owner }) => owner === 'user');
  const missing: ReleaseService[] = [];
  for (const service of users) if (!(await engine.image(service.image))) missing.push(service);
  const built = missing.filter(({ origin }) => origin && 'build' in origin);
  for (const service of missing) if (!built.includes(service)) await pull(engine, compose, content, service, emit);
  if (built.length > 0) await build({ compose, emit }, content, built, source);
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
    next: `docker pull ${reference}   (or docker load it), then the same again`,
  });

async function build(
  { compose, emit }: { compose: Compose; emit: Emit },
  content: ReleaseContent,
  services: ReleaseService[],
  source: Source,
): Promise<void> {
  const temporary = await mkdtemp(join(tmpdir(), 'horme-recover-'));
  try {
    const directory = await checkout(source, join(temporary, 'source'), emit);
    for (const { name, image, origin } of services) await warnOfOthers(directory, name, image, origin, emit);
    const model = buildModel(content, services, directory, source.directory);
    const names = services.map(({ name }) => name);
    await compose.build(model, names, (line) => emit({ kind: 'step-progress', id: 'recover', detail: line }));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

const buildOf = (origin: Origin | undefined): ComposeBuild => {
  if (!origin || !('build' in origin)) throw new Error('only what was built is built again');
  return origin.build;
};

function buildModel(
  content: ReleaseContent,
  services: ReleaseService[],
  directory: string,
  here: string,
): ComposeModel {
  const secrets = Object.entries(content.buildSecrets ?? {}).map(([name, secret]) => [
    name,
    secret.file === undefined ? secret : { ...secret, file: secretFile(secret.file, directory, here) },
  ]);
  return {
    name: content.project,
    services: Object.fromEntries(
      services.map(({ name, image, origin }) => [name, { image, build: buildIn(buildOf(origin), directory) }]),
    ),
    secrets: Object.fromEntries(secrets) as ComposeModel['secrets'] & object,
  };
}

/** What git ignores is not in the clone of the commit; it may lie where the command was given. */
function secretFile(path: string, directory: string, here: string): string {
  return existsSync(join(directory, path)) ? join(directory, path) : join(here, path);
}

/** An image's tag has the hash of the sources it was built from: these may differ from what was committed. */
async function warnOfOthers(directory: string, name: string, image: string, origin: Origin | undefined, emit: Emit) {
  const hash = await sourcesHash(buildIn(buildOf(origin), directory));
  if (image.endsWith(`:${hash}`)) return;
  const text = `${name} was built from sources that were not those of the commit: what is built now may differ`;
  emit({ kind: 'warning', text });
}

/** The recorded commit, in a folder of its own; files as they lie here where nobody knows of a commit. */
async function checkout({ directory, remote, commit }: Source, target: string, emit: Emit): Promise<string> {
  const isHere = await git(directory, ['rev-parse', '--is-inside-work-tree']);
  if (commit === undefined) return directory;
  if (isHere && (await git(directory, ['cat-file', '-e', `${commit}^{commit}`]))) {
    await must(directory, ['clone', '--quiet', '--no-checkout', '.', target], cloneSeconds);
  } else if (remote !== undefined) {
    emit({ kind: 'note', text: `cloning ${remote}` });
    await must(directory, ['clone', '--quiet', '--no-checkout', '--', remote, target], cloneSeconds);
  } else throw noSources(commit);
  await must(target, ['checkout', '--quiet', '--detach', commit], gitSeconds);
  await stat(target);
  return target;
}

async function git(cwd: string, words: string[]): Promise<boolean> {
  const { exitCode } = await run(['git', ...words], { cwd, deadlineSeconds: gitSeconds });
  return exitCode === 0;
}

async function must(cwd: string, words: string[], deadlineSeconds: number): Promise<void> {
  const { exitCode, stderr } = await run(['git', ...words], { cwd, deadlineSeconds });
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
