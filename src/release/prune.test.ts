import { expect, test } from 'vitest';
import { content, service } from '../deploy/testing.ts';
import { fakeEngine } from '../engine/fake.ts';
import { labels } from '../engine/labels.ts';
import type { Ledger, LedgerEntry } from './ledger.ts';
import { keptReleases, prune } from './prune.ts';
import { Store } from './store.ts';

const project = 'shop-local';
const tag = (number: number) => `${project}/api:v${number}`;
const volume = (number: number) => `${project}_horme-secrets-api-${number}`;

const entry = (number: number, own: Partial<LedgerEntry> = {}) =>
  ({
    ...{ number, of: number, kind: 'deploy', outcome: 'live', secretVolumes: [volume(number)] },
    images: { api: `${tag(number)}@sha256:${number}`, pinned: `redis@sha256:aa@sha256:bb` },
    ...own,
  }) as LedgerEntry;

test('what the kept releases and the current one are made of stays; the rest goes, and nothing of others', async () => {
  const engine = fakeEngine();
  engine.addImage({ tags: ['tools'] });
  const store = await Store.open(engine, project, 'tools');
  const numbers = Array.from({ length: keptReleases + 3 }, (_, index) => index + 1);
  for (const number of numbers) {
    engine.addImage({ tags: [tag(number)] });
    await engine.createVolume(volume(number), { [labels.project]: project });
  }
  engine.addImage({ tags: ['other-local/api:v1'] });
  await engine.createVolume(`${project}_data`, { [labels.project]: project });
  // The last one failed, so no rollback goes to it.
  const entries = numbers.map((number) => entry(number, number === numbers.length ? { outcome: 'rolled-back' } : {}));
  const ledger: Ledger = { entries, live: entries.at(-2) };
  const current = { ...content([service('api', { image: tag(1) })]), secretVolumes: [volume(1)] };

  await prune({ engine, store, ledger, project, current });
  const kept = [1, ...numbers.slice(2, -1)];
  const images = (await engine.images(`${project}/*`)).flatMap(({ tags }) => tags);
  expect(images).toEqual(kept.map(tag));
  expect(await engine.images('other-local/*')).toHaveLength(1);
  const volumes = (await engine.volumes({ [labels.project]: project })).map(({ name }) => name);
  expect(volumes.filter((name) => name.includes('secrets'))).toEqual(kept.map(volume));
  expect(volumes).toContain(`${project}_data`);
});
