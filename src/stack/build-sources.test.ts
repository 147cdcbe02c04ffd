import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { userService } from '../release/testing.ts';
import { buildFindings } from './build-sources.ts';
import type { ComposeBuild } from '../engine/compose-model.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'horme-build-'));
  await mkdir(join(directory, 'worker'));
  await mkdir(join(directory, 'lib'));
  await writeFile(join(directory, 'worker/Dockerfile'), 'FROM scratch');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function told(build: ComposeBuild): Promise<string[]> {
  const found = await buildFindings([userService('worker', { definition: { build } })], directory);
  return found.map(({ path, message, mend }) => `${path.slice(3).join('.')}: ${message} — ${mend}`);
}

test('what is there has no finding, wherever the builder gets it from', async () => {
  const context = join(directory, 'worker');
  expect(await told({ context })).toEqual([]);
  expect(await told({ context: 'https://example.com/shop.git' })).toEqual([]);
  expect(await told({ context: join(directory, 'lib'), dockerfile_inline: 'FROM scratch' })).toEqual([]);
  expect(await told({ context: join(directory, 'lib'), dockerfile: '../worker/Dockerfile' })).toEqual([]);
  const more = { base: 'docker-image://debian', own: 'service:api', lib: join(directory, 'lib') };
  expect(await told({ context, additional_contexts: more })).toEqual([]);
});

test('a folder that is written wrongly is told with the one that was meant', async () => {
  expect(await told({ context: join(directory, 'wroker') })).toEqual([
    'context: there is no ./wroker — did you mean "./worker"?',
  ]);
  const more = { lib: join(directory, 'lbi') };
  expect(await told({ context: join(directory, 'worker'), additional_contexts: more })).toEqual([
    'additional_contexts.lib: there is no ./lbi — did you mean "./lib"?',
  ]);
  expect(await told({ context: join(directory, 'elsewhere') })).toEqual([
    'context: there is no ./elsewhere — create it, or correct the path',
  ]);
  expect(await told({ context: join(directory, 'worker/Dockerfile') })).toEqual([
    'context: the context is a file — name the folder of the sources',
  ]);
});

test('a Dockerfile that is missing is a finding, and no failed build', async () => {
  expect(await told({ context: join(directory, 'lib') })).toEqual([
    'dockerfile: there is no Dockerfile in ./lib — write one, or name it with `dockerfile:`',
  ]);
  expect(await told({ context: join(directory, 'worker'), dockerfile: 'Dokcerfile' })).toEqual([
    'dockerfile: there is no Dokcerfile in ./worker — did you mean "Dockerfile"?',
  ]);
  await writeFile(join(directory, 'lib/dockerfile'), 'FROM scratch');
  expect(await told({ context: join(directory, 'lib') })).toEqual([]);
});
