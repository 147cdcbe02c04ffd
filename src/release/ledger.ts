import { createHash } from 'node:crypto';
import type { Proof } from '../proof.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import { inPresentWords } from './adapt.ts';
import type { ReleaseContent } from './release.ts';
import { stableJson } from '../fingerprint.ts';
import { forRootAlone, nowFolder, stateFolder, type Store } from './store.ts';

const entriesFolder = 'ledger';
const contentsFolder = 'contents';
const liveFile = 'live.json';
const firstHash = '0'.repeat(64);

/** `failed`: nothing was live before, so there was nothing to go back to. */
export type Outcome = 'live' | 'rolled-back' | 'rolled-back-in-part' | 'failed';

export interface LedgerEntry {
  schema: 'horme.ledger/1';
  number: number;
  kind: 'deploy' | 'rollback' | 'scale' | 'restore' | 'recover';
  outcome: Outcome;
  /** The release whose content this entry made live again; its own number for a deploy. */
  of: number;
  /** When it began; undefined in an older entry. */
  begunAt: string | undefined;
  /** When it was over, by the engine's clock; of older entries by that of who typed it. */
  at: string;
  by: string;
  commit: string | undefined;
  /** The project's files were not those of the commit; nothing: they were, or an older Horme did not look. */
  dirty?: true;
  /** Of the project in the commit's repository, such as `apps/shop/`; undefined in an older entry: nobody noted it. */
  folder: string | undefined;
  images: Record<string, string>;
  secretVolumes: string[];
  /** Of when the database's data is that this entry took into use; undefined: what was there went on. */
  restoredTo: string | undefined;
  /** Services whose migration was run, whatever the outcome. */
  migrated: string[];
  /** Of these, the SQL files that were there, by service; without: they are in the release's content, or nobody noted them. */
  migrationFiles?: Record<string, Record<string, string>>;
  steps: { title: string; seconds: number }[];
  proof: Proof | undefined;
  reason: string | undefined;
  /** SHA-256 over the release's content as stored beside this entry. */
  content: string;
  /** Hash of the entry before, which chains them: a changed or removed entry breaks all that follow. */
  previous: string;
  hash: string;
}

export interface Ledger {
  entries: LedgerEntry[];
  /** The entry whose content should be running; undefined before the first release went live. */
  live: LedgerEntry | undefined;
}

export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

const padded = (number: number) => String(number).padStart(6, '0');

export async function readLedger(store: Store | undefined): Promise<Ledger> {
  const files = store ? await store.read(`${stateFolder}/${entriesFolder}`) : new Map<string, Buffer>();
  const names = [...files.keys()].sort();
  const entries = names.map((name) => parseEntry(name, files.get(name)?.toString('utf8') ?? ''));
  return { entries, live: entries.findLast((entry) => entry.outcome === 'live') };
}

function parseEntry(name: string, text: string): LedgerEntry {
  try {
    const entry = JSON.parse(text) as LedgerEntry;
    if (entry.schema === 'horme.ledger/1') return entry;
    throw new Error(`written by another version of Horme (schema ${String(entry.schema)})`);
  } catch (cause) {
    throw new OperatorError(`the ledger's entry ${name} can't be read: ${(cause as Error).message}`, {
      code: 'ledger-unreadable',
      exitCode: exitCodes.checkFailed,
      next: 'use the version of Horme that wrote it, or restore the state volume from a backup',
      cause,
    });
  }
}

export async function readContent(store: Store, number: number): Promise<ReleaseContent | undefined> {
  return inPresentWords(
    await store.readJson<ReleaseContent>(`${stateFolder}/${contentsFolder}/${padded(number)}.json`),
  );
}

/** The content of what is live: the same as its entry's, kept where one glance finds it. */
export const readLive = async (store: Store) => inPresentWords(await store.readNow<ReleaseContent>(liveFile));

export async function appendEntry(
  store: Store,
  ledger: Ledger,
  entry: Omit<LedgerEntry, 'schema' | 'number' | 'previous' | 'hash' | 'content' | 'of'> & { of?: number },
  content: ReleaseContent,
): Promise<LedgerEntry> {
  const number = nextNumber(ledger);
  const text = stableJson(content);
  const body: Omit<LedgerEntry, 'hash'> = {
    ...entry,
    schema: 'horme.ledger/1',
    number,
    of: entry.of ?? number,
    content: sha256(text),
    previous: ledger.entries.at(-1)?.hash ?? firstHash,
  };
  const whole: LedgerEntry = { ...body, hash: sha256(stableJson(body)) };
  const live = entry.outcome === 'live' ? [{ path: `${nowFolder}/${liveFile}`, content: text }] : [];
  const files = [
    ...live,
    { path: `${contentsFolder}/${padded(number)}.json`, content: text },
    { path: `${entriesFolder}/${padded(number)}.json`, content: `${JSON.stringify(whole, null, 2)}\n` },
  ];
  // A release has what the user wrote under `environment` and `build.args`, and that may be a password.
  await store.write(
    stateFolder,
    files.map((file) => ({ ...file, ...forRootAlone })),
  );
  return whole;
}

/** Entries that a rollback can go back to, oldest first: a scaling changes how many, not what. */
export const restorable = ({ entries }: Ledger) =>
  entries.filter(({ outcome, kind }) => outcome === 'live' && kind !== 'scale');

/** Of those, the ones that a rollback has left behind: going back once more does not bring them again. */
export function wentBackFrom(ledger: Ledger): LedgerEntry[] {
  const all = restorable(ledger);
  let line: LedgerEntry[] = [];
  for (const entry of all) {
    // A restore and a recovery make what was live anew: they too stand in for the release they are of.
    const at = entry.kind === 'deploy' ? -1 : line.findLastIndex(({ of }) => of === entry.of);
    line = [...(at < 0 ? line : line.slice(0, at)), entry];
  }
  return all.filter((entry) => !line.includes(entry));
}

/** As the entry has each service's image: its name, and after the last `@` the engine's id of it. */
const tagOf = (image: string) => image.slice(0, Math.max(0, image.lastIndexOf('@')));
export const tagsOf = ({ images }: LedgerEntry) => Object.values(images).map(tagOf);

/** A commit that may have what an image was built from, and where in it the project lies. */
export type Committed = Pick<LedgerEntry, 'folder' | 'dirty'> & { commit: string };

/**
 * Those of all entries that have an image, newest first. Any of them may be the one: files that were built before they were
 * committed are in a later one, and a deploy of other services alone says nothing of this one's files.
 */
export function commitsOf({ entries }: Ledger, { name, image }: { name: string; image: string }): Committed[] {
  const all = entries.flatMap(({ images, commit, folder, dirty }) =>
    commit !== undefined && images[name]?.startsWith(`${image}@`)
      ? [{ commit, folder, ...(dirty && { dirty: true as const }) }]
      : [],
  );
  const place = (one: Committed) => `${one.commit}:${one.folder}`;
  // The image may be of the one time that the files were not the commit's.
  const changed = new Set(all.filter(({ dirty }) => dirty).map(place));
  const marked = all.map((one) => (changed.has(place(one)) ? { ...one, dirty: true as const } : one));
  return [...new Map(marked.map((one) => [place(one), one])).values()].reverse();
}

export const nextNumber = (ledger: Ledger) => (ledger.entries.at(-1)?.number ?? 0) + 1;

/** One line for each entry that is not what it was when written; empty when the whole chain holds. */
export async function verifyLedger(store: Store, { entries }: Ledger): Promise<string[]> {
  const problems: string[] = [];
  const files = await store.read(`${stateFolder}/${contentsFolder}`);
  let previous = firstHash;
  for (const [index, entry] of entries.entries()) {
    const { hash, ...body } = entry;
    const content = files.get(`${padded(entry.number)}.json`)?.toString('utf8');
    if (entry.number !== index + 1) problems.push(`entry ${index + 1} is missing before ${entry.number}`);
    if (entry.previous !== previous) problems.push(`entry ${entry.number} does not follow the one before`);
    if (sha256(stableJson(body)) !== hash) problems.push(`entry ${entry.number} was changed after it was written`);
    if (content === undefined || sha256(content) !== entry.content)
      problems.push(`the content of release ${entry.number} was changed or is missing`);
    previous = hash;
  }
  return problems;
}
