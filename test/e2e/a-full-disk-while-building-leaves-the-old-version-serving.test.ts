import { expect, test } from 'vitest';
import { expectLossless, must, quickGets, show, until, useProject } from './harness.ts';

const project = useProject('e2e-full');

test('a build without space left ends with exit code 3; what runs stays as it is', async () => {
  const shop = project();
  await shop.write({ VERSION: 'v1' });
  await shop.deploy();
  const before = await shop.containers();
  // 64 MiB of memory are all that /dev/shm of a build has: a full disk that is nobody else's.
  const dockerfile = await shop.read('app/Dockerfile');
  await shop.file('app/Dockerfile', `${dockerfile}\nRUN dd if=/dev/zero of=/dev/shm/full bs=1M count=200\n`);
  const traffic = await shop.traffic(quickGets);
  await until(traffic, ({ requests }) => requests > 20);
  const ran = must(await shop.horme(['deploy', '--json']), 3);
  const report = await traffic.stop();
  show('disk full while building', report, ran);
  expectLossless(report);
  expect(ran.stdout + ran.stderr).toContain('No space left on device');
  expect(await shop.containers()).toEqual(before);
});
