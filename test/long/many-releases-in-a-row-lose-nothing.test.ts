import { expect, test } from 'vitest';
import { docker, expectLossless, show, until, useProject } from '../e2e/harness.ts';

const project = useProject('e2e-series');
const releases = 6;
/** As `src/release/prune.ts` has it. */
const keptReleases = 5;

test('releases in a row under every kind of traffic: nothing fails, and nothing is left of the old ones', async () => {
  const shop = project();
  for (let release = 1; release <= releases; release++) {
    await shop.file('app/server.mjs', `${await shop.read('app/server.mjs')}// ${release}\n`);
    await shop.write({ VERSION: `v${release}`, BOOT_MS: '300' });
    if (release === 1) {
      await shop.deploy();
      continue;
    }
    const traffic = await shop.traffic();
    await until(traffic, ({ byKind }) => Object.keys(byKind).length === 7);
    const ran = await shop.deploy();
    await until(traffic, ({ reconnected }) => reconnected >= 5);
    const report = await traffic.stop();
    show(`release ${release}`, report, ran);
    expectLossless(report);
    expect(await shop.versions()).toEqual([`v${release}`]);
  }
  expect(await shop.replicas()).toHaveLength(3);
  const images = (await docker('images', '-q', `${shop.project}/*`)).split('\n');
  expect(images).toHaveLength(keptReleases);
});
