import { expect, test } from 'vitest';
import { fakeEngine } from '../engine/fake.ts';
import { labels } from '../engine/labels.ts';
import { stackOf, userService } from '../release/testing.ts';
import { parts } from '../parts/index.ts';
import { refuseUnknown, servicesInFiles, servicesThatRun } from './service-names.ts';

const stack = stackOf([
  userService('api', { routes: [{ host: 'shop.localhost', path: '/', port: 3000 }] }),
  userService('worker'),
]);

test('a name that no service has is refused with the one that was meant', () => {
  const refused = (name: string) => () => refuseUnknown([name], servicesInFiles(stack));
  expect(refused('apii')).toThrow(
    expect.objectContaining({
      code: 'service-unknown',
      exitCode: 2,
      next: 'did you mean "api"? There are api, worker',
    }),
  );
  expect(refused('postgres')).toThrow(expect.objectContaining({ next: 'one of: api, worker' }));
  expect(refused('worker')).not.toThrow();
});

test('what runs has logs too, when it is the platform or was taken out of the file', async () => {
  const engine = fakeEngine();
  engine.addImage({ tags: ['old'] });
  await engine.create({ image: 'old', labels: { [labels.project]: stack.project, [labels.service]: 'former' } });
  const known = await servicesThatRun({ engine, stack, parts });
  expect(known).toEqual(expect.arrayContaining(['api', 'worker', 'former', 'horme-nginx']));
});
