import type { DueMigration } from './migrations.ts';
import { nowFolder, stateFolder, type Store } from './store.ts';

/** What operators set by command and every later deploy keeps, until it is changed by command again. */
export interface Settings {
  scale: Record<string, number>;
  maintenance: boolean;
  /** The recovery kit that was made last, and a fingerprint of the keys in it. */
  kit?: { madeAt: string; keys: string };
}

/** What the edge and the database were last told, written after they took it: what differs from the release is told again. */
export interface Applied {
  nginx: string;
  haproxy: string;
  /** Who a HAProxy that starts anew sends requests to, as its file on the edge's volume has it. */
  members: string;
  /** What the database's members share, as Patroni was last told. */
  database: string;
  /** The mark of the roles that were set last. */
  roles: string;
  /** Logins of the database up to this rotation, but the last one's, are ended. */
  generation: number;
  /** Major version of the database's data; 0: not noted yet. */
  version: number;
  /** The repositories and the history of the database that the backups' agent has set up. */
  backup: string;
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

export const nothingApplied: Applied = {
  nginx: '',
  haproxy: '',
  members: '',
  database: '',
  roles: '',
  generation: 0,
  version: 0,
  backup: '',
  restoredTo: '',
  migrationsDue: [],
  unfinishedSecrets: [],
};

export async function readApplied(store: Store | undefined): Promise<Applied> {
  return { ...nothingApplied, ...(await store?.readNow<Applied>(appliedFile)) };
}

export async function writeApplied(store: Store, applied: Applied): Promise<void> {
  await store.writeNow(appliedFile, applied);
}

export const noteApplied = async (store: Store, what: Partial<Applied>): Promise<void> =>
  writeApplied(store, { ...(await readApplied(store)), ...what });
