import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fakeEngine } from '../engine/fake.ts';
import type { Stack } from '../stack/stack.ts';
import type { ComposeService } from '../engine/compose-model.ts';
import { buildModel, buildOrder, resolveImages } from './images.ts';
import { refuseMissing } from './pull-policy.ts';
import { stackOf, userService } from './testing.ts';

let context: string;
beforeAll(async () => {
  context = await mkdtemp(join(tmpdir(), 'horme-images-'));
  await writeFile(join(context, 'Dockerfile'), 'FROM scratch\n');
});
afterAll(() => rm(context, { recursive: true, force: true }));

const stack = (definitions: Record<string, ComposeService>): Stack =>
  stackOf(Object.entries(definitions).map(([name, definition]) => userService(name, { definition })));

test('a service without build runs the image that another one builds, and pulls nothing', async () => {
  const shared = stack({
    web: { build: { context }, image: 'app' },
    worker: { image: 'docker.io/library/app:latest' },
    other: { image: 'app:2' },
  });
  const engine = fakeEngine();
  const [web, worker, other] = await resolveImages(shared, engine, false);
  expect([web?.work, worker?.work, other?.work]).toEqual(['build', undefined, 'pull']);
  expect(worker).toMatchObject({ reference: web?.reference, builtBy: 'web' });
  const built = engine.addImage({ tags: [web?.reference ?? ''] });
  expect((await resolveImages(shared, engine, false)).map(({ image }) => image?.id)).toEqual([
    built.id,
    built.id,
    undefined,
  ]);
});

test('two services with the same build and image name are both built, each under a tag of its own', async () => {
  const both = stack({ web: { build: { context }, image: 'app' }, worker: { build: { context }, image: 'app' } });
  const images = await resolveImages(both, fakeEngine(), false);
  expect(images.map(({ work }) => work)).toEqual(['build', 'build']);
  const { services } = buildModel(both, images);
  expect(new Set(Object.values(services).map(({ image }) => image)).size).toBe(2);
});

test('a build that takes another service as its context comes after it, and changes with it', async () => {
  const based = (target: string) =>
    stack({
      app: { build: { context, additional_contexts: { base: 'service:base' } } },
      base: { build: { context, target } },
    });
  const images = await resolveImages(based('a'), fakeEngine(), false);
  expect(buildOrder(images)).toEqual([['base'], ['app']]);
  const [app, base] = images;
  expect(buildModel(based('a'), images).services['app']?.build?.['additional_contexts']).toEqual({
    base: `docker-image://${base?.reference}`,
  });
  const [changed] = await resolveImages(based('b'), fakeEngine(), false);
  expect(changed?.reference).not.toBe(app?.reference);
});

test.each([
  ['always', 0, 'pull'],
  ['missing', 0, undefined],
  ['if_not_present', 0, undefined],
  ['never', 0, undefined],
  ['daily', 23, undefined],
  ['daily', 25, 'pull'],
  ['weekly', 25, undefined],
  ['every_12h', 13, 'pull'],
])('pull_policy %s, %i hours after the last pull: %s', async (policy, hours, work) => {
  const engine = fakeEngine();
  const moment = Date.now() / 1000 - hours * 3600;
  engine.addImage({ id: 'sha256:abc', tags: ['app:1'], taggedSeconds: moment });
  const given = stack({ app: { image: 'app:1', pull_policy: policy } });
  expect((await resolveImages(given, engine, false))[0]?.work).toBe(work);
  expect((await resolveImages(given, engine, false, { asked: true }))[0]?.work).toBeUndefined();
});

test('what is missing and never to be pulled is told', async () => {
  const given = stack({ app: { image: 'app:1', pull_policy: 'never' } });
  const images = await resolveImages(given, fakeEngine(), false);
  expect(() => refuseMissing(given, images)).toThrow(/does not have app:1, and app has pull_policy: never/);
});
