import { expect, test } from 'vitest';
import type { Compose } from '../engine/compose.ts';
import { fakeEngine } from '../engine/fake.ts';
import { stackOf, userService } from '../release/testing.ts';
import type { Session } from './session.ts';
import { makeImages } from './images.ts';

/** A registry whose tag moves or not, as `docker compose pull` would bring it. */
function scene(moves: boolean, policy = 'always') {
  const engine = fakeEngine();
  const stack = stackOf([userService('web', { definition: { image: 'app:1', pull_policy: policy } })]);
  const old = engine.addImage({ tags: ['app:1'], taggedSeconds: Date.now() / 1000 });
  const pulled: string[][] = [];
  const pull: Compose['pull'] = async (_model, services) => {
    pulled.push(services);
    if (moves) await engine.tag(engine.addImage({ tags: ['elsewhere'] }).id, 'app:1');
  };
  const session = { stack, engine, compose: { pull }, emit: () => undefined } as unknown as Session;
  return { session, engine, old, pulled };
}

test('pull_policy: always asks once; a tag that moved is another image, pinned by its id', async () => {
  const { session, engine, old, pulled } = scene(true);
  const [made] = await makeImages(session, [], false, []);
  expect(pulled).toEqual([['web']]);
  expect(made?.image?.id).not.toBe(old.id);
  expect((await engine.image(made?.reference ?? ''))?.id).toBe(made?.image?.id);
});

test('a registry that has nothing new leaves the image, and no work', async () => {
  const { session, old, pulled } = scene(false);
  const [made] = await makeImages(session, [], false, []);
  expect([pulled.length, made?.image?.id, made?.work]).toEqual([1, old.id, undefined]);
});

test('without a policy nobody is asked for an image that is there', async () => {
  const { session, pulled } = scene(true, 'missing');
  await makeImages(session, [], false, []);
  expect(pulled).toEqual([]);
});
