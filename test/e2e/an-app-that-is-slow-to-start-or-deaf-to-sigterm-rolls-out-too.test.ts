import { expect, test } from 'vitest';
import { expectLossless, show, until, useProject } from './harness.ts';

const project = useProject('e2e-awkward');
/** Shorter than a slow request: one that a drain did not wait for would be lost. */
const options = { app: { stop_grace_period: '1s' } };

test('replicas that ignore SIGTERM are killed after their grace period, with nothing in flight', async () => {
  const shop = project();
  await shop.write({ VERSION: 'v1', IGNORE_SIGTERM: '1' }, options);
  await shop.deploy();
  await shop.write({ VERSION: 'v2', IGNORE_SIGTERM: '1' }, options);
  // Its WebSockets and event streams can only be cut: it tells no one that it ends.
  const traffic = await shop.traffic({ websocket: 0, sse: 0 });
  await until(traffic, ({ byKind }) => (byKind.slow?.requests ?? 0) > 0);
  const ran = await shop.deploy('--watch', '0');
  const report = await traffic.stop();
  show('ignores SIGTERM', report, ran);
  expectLossless(report);
  expect(await shop.versions()).toEqual(['v2']);
  expect(await shop.replicas()).toHaveLength(3);
});

test('replicas that take 4 s to start get no request before', async () => {
  const shop = project();
  await shop.write({ VERSION: 'v3', BOOT_MS: '4000' }, options);
  const traffic = await shop.traffic({ websocket: 0, sse: 0 });
  await until(traffic, ({ byKind }) => (byKind.slow?.requests ?? 0) > 0);
  const ran = await shop.deploy('--watch', '0');
  const report = await traffic.stop();
  show('starts slowly', report, ran);
  expectLossless(report);
  expect(ran.seconds).toBeGreaterThan(4);
  expect(await shop.versions()).toEqual(['v3']);
});
