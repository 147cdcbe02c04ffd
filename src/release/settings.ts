import type { Sections } from '../sections.ts';
import type { DueMigration } from './migrations.ts';
import { nowFolder, stateFolder, type Store } from './store.ts';

/** Settings that operators change by command. Later deploys keep them. */
export interface Settings {
  scale: Record<string, number>;
  maintenance: boolean;
  /** The latest recovery kit, with a fingerprint of its keys. */
  kit?: { madeAt: string; keys: string };
}

/** The configuration that running programs have accepted. A deploy applies again whatever differs from the release. */
export interface Applied {
  /** What each part has noted, by the part's name. */
  parts: Sections;
  /** Point in time of the restored data; '' once the ledger has it, and where nothing was restored. */
  restoredTo: string;
  /** Migrations to run again, as computed from the ledger after its last entry. */
  migrationsDue: DueMigration[];
  /** Lost secret volumes that are being rewritten. A volume named here may be half written. */
  unfinishedSecrets: string[];
}

const settingsFile = 'settings.json';
const appliedFile = 'applied.json';

const noSettings: Settings = { scale: {}, maintenance: false };

/** Read without the cache: maintenance and kits change while other commands run. */
const presentSettings = async (store: Store): Promise<Settings> =>
  (await store.readJson<Settings>(`${stateFolder}/${nowFolder}/${settingsFile}`)) ?? noSettings;

export const isMaintenanceOn = async (store: Store): Promise<boolean> => (await presentSettings(store)).maintenance;

export async function readSettings(store: Store | undefined): Promise<Settings> {
  return (await store?.readNow<Settings>(settingsFile)) ?? noSettings;
}

export async function changeSettings(store: Store, change: (settings: Settings) => Partial<Settings>): Promise<void> {
  const settings = await presentSettings(store);
  await store.writeNow(settingsFile, { ...settings, ...change(settings) });
}

export const nothingApplied: Applied = { parts: {}, restoredTo: '', migrationsDue: [], unfinishedSecrets: [] };

export async function readApplied(store: Store | undefined): Promise<Applied> {
  const { restoredTo, migrationsDue, unfinishedSecrets, parts, ...flat } = {
    ...nothingApplied,
    // Before there were sections, the notes of the parts were top-level fields.
    parts: undefined,
    ...(await store?.readNow<Applied>(appliedFile)),
  };
  return { parts: parts ?? flat, restoredTo, migrationsDue, unfinishedSecrets };
}

export async function writeApplied(store: Store, applied: Applied): Promise<void> {
  await store.writeNow(appliedFile, applied);
}

export const noteApplied = async (store: Store, what: Partial<Applied>): Promise<void> =>
  writeApplied(store, { ...(await readApplied(store)), ...what });

/** Writes a part's own section. */
export async function notePart(store: Store, part: string, change: (applied: Applied) => unknown): Promise<void> {
  const applied = await readApplied(store);
  await writeApplied(store, { ...applied, parts: { ...applied.parts, [part]: change(applied) } });
}
