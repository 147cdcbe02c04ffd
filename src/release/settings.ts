import type { Sections } from '../sections.ts';
import type { DueMigration } from './migrations.ts';
import { nowFolder, stateFolder, type Store } from './store.ts';

/** What operators set by command and every later deploy keeps, until it is changed by command again. */
export interface Settings {
  scale: Record<string, number>;
  maintenance: boolean;
  /** The recovery kit that was made last, and a fingerprint of the keys in it. */
  kit?: { madeAt: string; keys: string };
}

/** What programs were last told, written after they took it: what differs from the release is told again. */
export interface Applied {
  /** What each part has noted, by the part's name. */
  parts: Sections;
  /** Of when the data is that was swapped in; '' once the ledger has it. */
  restoredTo: string;
  /** Migrations that are to run again, as the ledger tells them since its last entry. */
  migrationsDue: DueMigration[];
  /** Secret volumes that were gone and are being made again: until they are no longer named here they may be half written. */
  unfinishedSecrets: string[];
}

const settingsFile = 'settings.json';
const appliedFile = 'applied.json';

const noSettings: Settings = { scale: {}, maintenance: false };

/** Read anew: maintenance is switched, and a kit is noted, beside whatever runs. */
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
    // Before there were sections, what the parts noted stood beside the rest.
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
