import { expect, test } from 'vitest';
import { fakeEngine } from '../engine/fake.ts';
import { labels } from '../engine/labels.ts';
import { stackOf, userService } from '../release/testing.ts';
import { content } from './testing.ts';
import { formerCheck, refuseFormerProject } from './former-project.ts';

const stack = stackOf([userService('web')]);
const former = { [labels.composeProject]: stack.name };

async function scene(runs: boolean) {
  const engine = fakeEngine();
  engine.addImage({ tags: ['app'] });
  const id = await engine.create({ name: `${stack.name}-web-1`, image: 'app', labels: former });
  await engine.createVolume(`${stack.name}_data`, former);
  if (runs) await engine.start(id);
  return { engine, stack };
}

test('a project that docker compose runs is told before the first release, with how to go on with its data', async () => {
  const session = await scene(true);
  await expect(refuseFormerProject(session, { live: undefined })).rejects.toMatchObject({
    code: 'former-project',
    exitCode: 3,
    message: expect.stringContaining(`data: { name: ${stack.name}_data, external: true }`) as string,
  });
});

test('one that was stopped keeps nobody from deploying, and its volumes are named', async () => {
  const session = await scene(false);
  await refuseFormerProject(session, { live: undefined });
  expect(await formerCheck(session, { live: undefined })).toMatchObject([{ ok: true, name: 'former project' }]);
});

test('after the first release nobody is asked', async () => {
  expect(await formerCheck(await scene(true), { live: content([]) })).toEqual([]);
});
