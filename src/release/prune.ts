import { labels } from '../engine/labels.ts';
import type { Engine } from '../engine/engine.ts';
import { imageTags, type ImageSources } from '../platform/images.ts';
import { restorable, tagsOf, type Ledger } from './ledger.ts';
import type { ReleaseContent, ReleaseService } from './release.ts';
import { forgetSecretFiles } from './secret-files.ts';
import type { Store } from './store.ts';

/** Releases that can be rolled back to without a build (kamal keeps 5 too). */
export const keptReleases = 5;

export const keptEntries = (ledger: Ledger) => restorable(ledger).slice(-keptReleases);

/** Services whose image somebody else has pruned; this version of Horme makes the platform's again. */
export async function lostImages(
  engine: Engine,
  { services }: ReleaseContent,
  platform: ImageSources,
): Promise<ReleaseService[]> {
  const own = imageTags(platform);
  const there = await Promise.all(
    services.map(async ({ image }) => own.includes(image) || (await engine.image(image)) !== undefined),
  );
  return services.filter((_service, index) => !there[index]);
}

/** Removes images and secret volumes of this project that none of its last releases uses. Nothing else is touched. */
export async function prune(options: {
  engine: Engine;
  store: Store;
  ledger: Ledger;
  project: string;
  current: ReleaseContent;
}): Promise<void> {
  const { engine, store, ledger, project, current } = options;
  const kept = keptEntries(ledger);
  const secretVolumes = new Set([...kept, current].flatMap((one) => one.secretVolumes));
  const tags = new Set([...kept.flatMap(tagsOf), ...current.services.map(({ image }) => image)]);
  await Promise.all([
    pruneImages(engine, project, tags),
    pruneVolumes(engine, project, secretVolumes),
    forgetSecretFiles(store, secretVolumes),
  ]);
}

async function pruneImages(engine: Engine, project: string, wanted: Set<string>): Promise<void> {
  const images = await engine.images(`${project}/*`);
  const tags = images.flatMap((image) => image.tags).filter((tag) => tag.startsWith(`${project}/`) && !wanted.has(tag));
  for (const tag of tags) await engine.untag(tag);
}

async function pruneVolumes(engine: Engine, project: string, wanted: Set<string>): Promise<void> {
  const volumes = await engine.volumes({ [labels.project]: project });
  const secrets = volumes.filter(({ name }) => name.startsWith(`${project}_horme-secrets-`) && !wanted.has(name));
  for (const { name } of secrets) await engine.removeVolume(name);
}
