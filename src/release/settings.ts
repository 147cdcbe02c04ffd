import type { Store } from './store.ts';

/** What operators set by command and every later deploy keeps, until it is changed by command again. */
export interface Settings {
  scale: Record<string, number>;
  maintenance: boolean;
}

/** What the edge was last told to run, written after it took it: what differs from the release is told again. */
export interface Applied {
  nginx: string;
  haproxy: string;
  /** Who a HAProxy that starts anew sends requests to, as its file on the edge's volume has it. */
  members: string;
}

const settingsFile = 'settings.json';
const appliedFile = 'applied.json';

export async function readSettings(store: Store | undefined): Promise<Settings> {
  return (await store?.readNow<Settings>(settingsFile)) ?? { scale: {}, maintenance: false };
}

export async function writeSettings(store: Store, settings: Settings): Promise<void> {
  await store.writeNow(settingsFile, settings);
}

export async function readApplied(store: Store | undefined): Promise<Applied> {
  return (await store?.readNow<Applied>(appliedFile)) ?? { nginx: '', haproxy: '', members: '' };
}

export async function writeApplied(store: Store, applied: Applied): Promise<void> {
  await store.writeNow(appliedFile, applied);
}
