import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Engine } from '../engine/engine.ts';
import { buildEnvironment } from '../engine/build-environment.ts';
import { isBuildStage } from '../engine/compose.ts';
import { run } from '../engine/process.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import type { Emit } from '../events.ts';

/** What all platform images are made from; where no registry answers it is imported under this name. */
const baseImage = 'debian:trixie-slim';
const buildSeconds = 900;

/** How an image is made that is not only its folder below images/, on the base of all. */
export interface ImageSource {
  /** What `npm run build` puts into the folder: it is in the package, and not in the repository. */
  built?: string;
  /** Where it is not the image's own name: another one that differs by nothing but what it is made from. */
  folder?: string;
  /** It takes something from another image, which is handed in as the build argument of this name. */
  from?: { image: string; argument: string };
}

/** By name; a part has its own. */
export type ImageSources = Readonly<Record<string, ImageSource>>;

/** What the core needs without any part. */
const ownSources: ImageSources = { tools: {} };

export const imageSources = (parts: readonly { images?: ImageSources }[]): ImageSources =>
  Object.assign({}, ownSources, ...parts.map(({ images }) => images)) as ImageSources;

/** images/ lies beside src/ in a checkout and beside dist/ in the package. */
function imagesFolder(): string {
  const here = typeof __dirname === 'string' ? __dirname : dirname(fileURLToPath(import.meta.url));
  const candidates = [join(here, '..', 'images'), join(here, '..', '..', 'images')];
  const found = candidates.find((path) => existsSync(join(path, 'tools')));
  if (!found) throw new Error(`the platform images' sources are missing beside ${here}`);
  return found;
}

const known = new Map<string, string>();

/**
 * A tag names its content: another version of the sources is another image. Every platform service of a release asks, so
 * the folders are read once in a process; nothing changes them while it runs.
 */
export function imageTag(name: string, sources: ImageSources = ownSources): string {
  const tag = known.get(name) ?? `horme/${name}:${hashOf(name, sources)}`;
  known.set(name, tag);
  return tag;
}

export const imageTags = (sources: ImageSources): string[] =>
  Object.keys(sources).map((name) => imageTag(name, sources));

export const toolsImage = (): string => imageTag('tools');

function hashOf(name: string, sources: ImageSources): string {
  const { folder = name, built, from } = sourceOf(name, sources);
  const own = join(imagesFolder(), folder);
  refuseUnbuilt(own, built);
  return folderHash(own, from ? hashOf(from.image, sources) : '');
}

function sourceOf(name: string, sources: ImageSources): ImageSource {
  const source = sources[name];
  if (!source) throw new Error(`no part has an image ${name}`);
  return source;
}

function refuseUnbuilt(folder: string, file: string | undefined): void {
  if (file === undefined || existsSync(join(folder, file))) return;
  throw new OperatorError(`${join(folder, file)} is missing: the sources of the platform images are not built`, {
    code: 'not-built',
    exitCode: exitCodes.usage,
    next: 'npm run build',
  });
}

function folderHash(folder: string, salt: string): string {
  const hash = createHash('sha256').update(salt);
  for (const name of readdirSync(folder).sort()) hash.update(`\0${name}\0`).update(readFileSync(join(folder, name)));
  return hash.digest('hex').slice(0, 12);
}

interface Building {
  engine: Engine;
  /** That the docker command needs to reach the engine. */
  environment: Record<string, string>;
  sources: ImageSources;
  emit: Emit;
  signal?: AbortSignal;
}

/** Builds the images that the engine lacks, the tools first; gives the id of each. */
export async function ensurePlatformImages(building: Building, needed: string[]): Promise<Record<string, string>> {
  const { engine, sources } = building;
  const ids: Record<string, string> = {};
  for (const name of withSources(['tools', ...needed], sources))
    ids[name] = (await engine.image(imageTag(name, sources)))?.id ?? (await build(building, name));
  return ids;
}

/** Each after the one that it takes from. */
function withSources(names: string[], sources: ImageSources): Set<string> {
  const before = (name: string): string[] => {
    const { from } = sourceOf(name, sources);
    return from ? [...before(from.image), name] : [name];
  };
  return new Set(names.flatMap(before));
}

async function build({ engine, environment, sources, emit, signal }: Building, name: string): Promise<string> {
  const tag = imageTag(name, sources);
  const { folder = name, from } = sourceOf(name, sources);
  const id = `image-${name}`;
  const title = `build the platform image ${tag}`;
  const started = performance.now();
  emit({ kind: 'step-started', id, title });
  const argv = ['docker', 'build', '--progress', 'plain', '--tag', tag, '--build-arg', `BASE=${baseImage}`];
  if (from) argv.push('--build-arg', `${from.argument}=${imageTag(from.image, sources)}`);
  const { exitCode, stderr } = await run([...argv, join(imagesFolder(), folder)], {
    env: { ...process.env, ...environment, ...buildEnvironment },
    deadlineSeconds: buildSeconds,
    ...(signal && { signal }),
    onLine: (line) => void (isBuildStage(line) && emit({ kind: 'step-progress', id, detail: line })),
  });
  const image = exitCode === 0 ? await engine.image(tag) : undefined;
  if (!image) throw buildFailed(tag, stderr);
  emit({ kind: 'step-finished', id, title, seconds: (performance.now() - started) / 1000 });
  return image.id;
}

function buildFailed(tag: string, stderr: string): OperatorError {
  return new OperatorError(`the platform image ${tag} could not be built`, {
    code: 'platform-image',
    exitCode: exitCodes.checkFailed,
    lastSeen: stderr.trim().split('\n').slice(-20).join('\n'),
    next: `docker pull ${baseImage}   (without a registry: ./bin/setup makes it from Debian's packages)`,
  });
}
