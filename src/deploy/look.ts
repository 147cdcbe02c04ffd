import { labels } from '../engine/labels.ts';
import type { Container, Engine } from '../engine/engine.ts';
import { toolsImage } from '../platform/images.ts';
import { readLive } from '../release/ledger.ts';
import type { ReleaseContent } from '../release/release.ts';
import { readApplied, readSettings, type Applied, type Settings } from '../release/settings.ts';
import { Store } from '../release/store.ts';
import { readVault, type Vault } from '../release/vault.ts';

/** What the engine tells to who knows the project's name alone. */
export interface Look {
  containers: Container[];
  store: Store | undefined;
  settings: Settings;
  applied: Applied;
  vault: Vault | undefined;
  /** What the last release that went live is made of. */
  live: ReleaseContent | undefined;
}

/** What is under way: the second request needs the answer to the first. */
export interface Looking {
  listed: Promise<unknown>;
  looked: Promise<Look>;
}

export function look(engine: Engine, project: string): Looking {
  const listed = engine.containers({ [labels.project]: project });
  const looked = listed.then((containers) => lookInto(containers, Store.existing(engine, project, containers)));
  return { listed, looked };
}

export async function lookInto(containers: Container[], store: Store | undefined): Promise<Look> {
  const [settings, applied, vault, live] = await Promise.all([
    readSettings(store),
    readApplied(store),
    store && readVault(store),
    store && readLive(store),
    hashPlatform(),
  ]);
  return { containers, store, settings, applied, vault, live };
}

/** While the engine works on what it was asked: the images' folders are read and hashed once in a process. */
async function hashPlatform(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  toolsImage();
}
