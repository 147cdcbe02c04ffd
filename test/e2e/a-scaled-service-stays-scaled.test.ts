import { expect, test } from 'vitest';
import { expectLossless, must, quickGets, show, until, useProject } from './harness.ts';

const project = useProject('e2e-scale');

test('scale app=5: five serve, the next deploy keeps them, scale app=2 takes three away, a rollback takes the release before', async () => {
  const shop = project();
  await shop.write({ VERSION: 'v1' });
  await shop.deploy();
  const traffic = await shop.traffic(quickGets);
  await until(traffic, ({ requests }) => requests > 20);

  must(await shop.horme(['scale', 'app=5', '--json']), 0);
  expect(await answering()).toHaveLength(5);

  await shop.write({ VERSION: 'v2' });
  await shop.deploy();
  expect(await answering()).toHaveLength(5);
  expect(await shop.versions()).toEqual(['v2']);

  must(await shop.horme(['scale', 'app=2', '--json']), 0);
  expect(await shop.replicas()).toHaveLength(2);
  expect(await answering()).toHaveLength(2);

  must(await shop.horme(['rollback', '--json']), 0);
  expect(await shop.versions()).toEqual(['v1']);
  const report = await traffic.stop();
  show('scaled up, deployed, scaled down, rolled back', report);
  expectLossless(report);
});

/** The replicas that answer, by their own word. */
async function answering(): Promise<string[]> {
  const seen = await Promise.all(Array.from({ length: 60 }, () => project().ask('/')));
  return [...new Set(seen.map(({ body }) => (JSON.parse(body) as { replica: string }).replica))];
}
