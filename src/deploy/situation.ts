import { lookingFor } from './images.ts';
import { labels } from '../engine/labels.ts';
import type { Container } from '../engine/engine.ts';
import { imageTags } from '../platform/images.ts';
import { parts } from '../platform/parts.ts';
import type { PlatformImage } from '../platform/part.ts';
import { resolveImages, type ServiceImage } from '../release/images.ts';
import { readLive } from '../release/ledger.ts';
import { prepare, type Prepared } from '../release/prepare.ts';
import type { ReleaseContent } from '../release/release.ts';
import { readApplied, readSettings, type Applied, type Settings } from '../release/settings.ts';
import { Store } from '../release/store.ts';
import { readVault, unmadeVault, withDefaults, type Vault } from '../release/vault.ts';
import type { Session } from '../session.ts';

/** What a glance at the engine tells: enough to see that nothing is to be done, and made without changing anything. */
export interface Situation {
  containers: Container[];
  store: Store | undefined;
  settings: Settings;
  applied: Applied;
  vault: Vault | undefined;
  /** What the last release that went live is made of. */
  live: ReleaseContent | undefined;
  images: ServiceImage[];
  platformIds: Record<string, string>;
}

export function neededImages(session: Session): PlatformImage[] {
  return parts
    .flatMap((part) => part.services(session.stack, unmadeVault.backup))
    .map(({ platformImage }) => platformImage);
}

export async function glance(session: Session, rebuild: boolean): Promise<Situation> {
  const { engine, stack } = session;
  const [images, platformIds, containers] = await Promise.all([
    resolveImages(stack, engine, rebuild, lookingFor(session)),
    platformImageIds(session),
    engine.containers({ [labels.project]: stack.project }),
  ]);
  const store = Store.existing(engine, containers);
  const [settings, applied, vault, live] = await Promise.all([
    readSettings(store),
    readApplied(store),
    store && readVault(store),
    store && readLive(store),
  ]);
  return { containers, store, settings, applied, vault: vault && withDefaults(vault), live, images, platformIds };
}

async function platformImageIds(session: Session): Promise<Record<string, string>> {
  const tags = imageTags();
  const found = await Promise.all(
    neededImages(session).map(async (name) => [name, (await session.engine.image(tags[name]))?.id] as const),
  );
  return Object.fromEntries(found.filter((pair): pair is readonly [PlatformImage, string] => pair[1] !== undefined));
}

export function preparedFrom(
  session: Session,
  { images, platformIds, vault, settings }: Pick<Situation, 'images' | 'platformIds' | 'vault' | 'settings'>,
  kept: { former: ReleaseContent; names: string[] } | undefined,
): Promise<Prepared> {
  return prepare({ stack: session.stack, images, platformIds, vault: vault ?? unmadeVault, settings, kept });
}
