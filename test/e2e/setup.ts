import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';
import { openConnection } from '../../src/engine/connection.ts';
import { dockerEngine } from '../../src/engine/docker.ts';
import type { Event } from '../../src/events.ts';
import { parts } from '../../src/parts/index.ts';
import { ensurePlatformImages, imageSources } from '../../src/platform/images.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Folder of the package under test, with `dist` and `images`. */
    horme: string;
  }
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const buildMilliseconds = 60_000;

/**
 * Builds once and tests a copy: a source that is saved meanwhile changes nothing in the middle of a series. The platform's
 * images are made before the first test: on a bare machine that takes longer than a test waits for a deploy.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await promisify(execFile)('node', ['scripts/build.mjs'], { cwd: root, timeout: buildMilliseconds });
  const folder = await mkdtemp(join(tmpdir(), 'horme-package-'));
  await mkdir(join(folder, 'dist'));
  for (const file of ['horme.cjs', 'program.cjs']) await cp(join(root, 'dist', file), join(folder, 'dist', file));
  await cp(join(root, 'images'), join(folder, 'images'), { recursive: true });
  project.provide('horme', folder);
  await makePlatformImages();
  return () => rm(folder, { recursive: true, force: true });
}

/** HORME_TEST_IMAGES names those that a run of a few files needs; without it, all are made. */
async function makePlatformImages(): Promise<void> {
  const named = process.env['HORME_TEST_IMAGES']?.split(' ');
  const sources = imageSources(parts);
  const needed = Object.keys(sources).filter((name) => named === undefined || named.includes(name));
  const connection = openConnection(undefined, process.env);
  const engine = dockerEngine(connection, new AbortController().signal);
  const emit = (event: Event) => {
    if (event.kind === 'step-started' || event.kind === 'step-failed') console.log(event.title);
  };
  await ensurePlatformImages({ engine, environment: connection.environment, sources, emit }, needed);
}
