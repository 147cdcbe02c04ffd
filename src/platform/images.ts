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
import { platformImages, type PlatformImage } from './part.ts';

/** What all platform images are made from; where no registry answers it is imported under this name. */
const baseImage = 'debian:trixie-slim';
const buildSeconds = 900;

/** Those that take something from another image, which is handed in as the build argument of this name. */
const takesFrom: Partial<Record<PlatformImage, { image: PlatformImage; argument: string }>> = {
  nginx: { image: 'gate', argument: 'GATE' },
  haproxy: { image: 'tools', argument: 'TOOLS' },
  'postgres-18': { image: 'postgres', argument: 'POSTGRES' },
  backup: { image: 'postgres', argument: 'POSTGRES' },
  'backup-18': { image: 'postgres-18', argument: 'POSTGRES' },
};

/** What `npm run build` makes of a folder's content: it is in the package, and not in the repository. */
const builtFile: Partial<Record<PlatformImage, string>> = { backup: 'agent.cjs', 'backup-18': 'agent.cjs' };

/** Of an image that differs from another by nothing but what it is made from. */
const folderOf = (name: PlatformImage) => (name === 'backup-18' ? 'backup' : name);

/** images/ lies beside src/ in a checkout and beside dist/ in the package. */
function imagesFolder(): string {
  const here = typeof __dirname === 'string' ? __dirname : dirname(fileURLToPath(import.meta.url));
  const candidates = [join(here, '..', 'images'), join(here, '..', '..', 'images')];
  const found = candidates.find((path) => existsSync(join(path, 'tools')));
  if (!found) throw new Error(`the platform images' sources are missing beside ${here}`);
  return found;
}

type Tags = Record<PlatformImage, string>;

let known: Tags | undefined;

/**
 * A tag names its content: another version of the sources is another image. Every platform service of a release asks, so
 * the folders are read once in a process; nothing changes them while it runs.
 */
export function imageTags(): Tags {
  return (known ??= hashedTags());
}

function hashedTags(): Tags {
  const folder = imagesFolder();
  const hash = (name: PlatformImage): string => {
    const source = takesFrom[name];
    const own = join(folder, folderOf(name));
    refuseUnbuilt(own, builtFile[name]);
    return folderHash(own, source ? hash(source.image) : '');
  };
  return Object.fromEntries(platformImages.map((name) => [name, `horme/${name}:${hash(name)}`])) as Tags;
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

/** Builds the images that the engine lacks, the tools first; gives the id of each. */
export async function ensurePlatformImages(
  engine: Engine,
  environment: Record<string, string>,
  needed: PlatformImage[],
  emit: Emit,
  signal?: AbortSignal,
): Promise<Record<string, string>> {
  const tags = imageTags();
  const ids: Record<string, string> = {};
  for (const name of withSources(['tools', ...needed])) {
    ids[name] = (await engine.image(tags[name]))?.id ?? (await build(engine, environment, name, tags, emit, signal));
  }
  return ids;
}

/** Each after the one that it takes from. */
function withSources(names: PlatformImage[]): Set<PlatformImage> {
  const before = (name: PlatformImage): PlatformImage[] => {
    const source = takesFrom[name];
    return source ? [...before(source.image), name] : [name];
  };
  return new Set(names.flatMap(before));
}

async function build(
  engine: Engine,
  environment: Record<string, string>,
  name: PlatformImage,
  tags: Tags,
  emit: Emit,
  signal: AbortSignal | undefined,
): Promise<string> {
  const id = `image-${name}`;
  const title = `build the platform image ${tags[name]}`;
  const started = performance.now();
  emit({ kind: 'step-started', id, title });
  const argv = ['docker', 'build', '--progress', 'plain', '--tag', tags[name], '--build-arg', `BASE=${baseImage}`];
  const source = takesFrom[name];
  if (source) argv.push('--build-arg', `${source.argument}=${tags[source.image]}`);
  const { exitCode, stderr } = await run([...argv, join(imagesFolder(), folderOf(name))], {
    env: { ...process.env, ...environment, ...buildEnvironment },
    deadlineSeconds: buildSeconds,
    ...(signal && { signal }),
    onLine: (line) => void (isBuildStage(line) && emit({ kind: 'step-progress', id, detail: line })),
  });
  const image = exitCode === 0 ? await engine.image(tags[name]) : undefined;
  if (!image) throw buildFailed(tags[name], stderr);
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
