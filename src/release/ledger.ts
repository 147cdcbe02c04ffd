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
  /** When it ended, by the engine's clock; older entries use the clock of the operator's machine. */
  at: string;
  by: string;
  commit: string | undefined;
  /** The project's files differed from the commit. Absent: they did not, or an older Horme did not check. */
  dirty?: true;
  /** The project's folder in the commit's repository, such as `apps/shop/`; undefined in older entries. */
  folder: string | undefined;
  images: Record<string, string>;
  secretVolumes: string[];
  /** Point in time of the data that this entry restored into the database; undefined: no restore. */
  restoredTo: string | undefined;
  /** Services whose migration was run, whatever the outcome. */
  migrated: string[];
  /**
   * Hashes of the SQL files of these services. Absent: they are in the release's content, or an older Horme did not
   * note them.
   */
  migrationFiles?: Record<string, Record<string, string>>;
  steps: { title: string; seconds: number }[];
  proof: Proof | undefined;
  reason: string | undefined;
  /** SHA-256 over the release's content as stored beside this entry. */
  content: string;
  /** Hash of the previous entry: a changed or removed entry breaks the chain. */
  previous: string;
  hash: string;
}

export interface Ledger {
  entries: LedgerEntry[];
  /** The entry whose content should run; undefined until a release goes live. */
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

/** Content of the live release: a copy of its entry's content, in the folder that every run reads. */
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
  // A release contains the user's `environment` and `build.args`, which may hold passwords.
  await store.write(
    stateFolder,
    files.map((file) => ({ ...file, ...forRootAlone })),
  );
  return whole;
}

/**
 * Entries that a rollback can go back to, oldest first. Scalings are left out: they change only the number of replicas.
 */
export const restorable = ({ entries }: Ledger) =>
  entries.filter(({ outcome, kind }) => outcome === 'live' && kind !== 'scale');

/** Entries that a rollback has left: the next rollback skips them. */
export function wentBackFrom(ledger: Ledger): LedgerEntry[] {
  const all = restorable(ledger);
  let line: LedgerEntry[] = [];
  for (const entry of all) {
    // A restore or a recovery deploys the live release again, so it replaces that release in the line.
    const at = entry.kind === 'deploy' ? -1 : line.findLastIndex(({ of }) => of === entry.of);
    line = [...(at < 0 ? line : line.slice(0, at)), entry];
  }
  return all.filter((entry) => !line.includes(entry));
}

/** An entry stores each image as `name@id`, where the id is the engine's. */
const tagOf = (image: string) => image.slice(0, Math.max(0, image.lastIndexOf('@')));
export const tagsOf = ({ images }: LedgerEntry) => Object.values(images).map(tagOf);

/** A commit that may contain the sources of an image, and the project's folder in it. */
export type Committed = Pick<LedgerEntry, 'folder' | 'dirty'> & { commit: string };

/**
 * Commits of all entries that have the image, newest first. Any of them may contain its sources: files may have been
 * committed only after the build, and a deploy of other services says nothing about this service's files.
 */
export function commitsOf({ entries }: Ledger, { name, image }: { name: string; image: string }): Committed[] {
  const all = entries.flatMap(({ images, commit, folder, dirty }) =>
    commit !== undefined && images[name]?.startsWith(`${image}@`)
      ? [{ commit, folder, ...(dirty && { dirty: true as const }) }]
      : [],
  );
  const place = (one: Committed) => `${one.commit}:${one.folder}`;
  // The image may be from the deploy whose files differed from the commit.
  const changed = new Set(all.filter(({ dirty }) => dirty).map(place));
  const marked = all.map((one) => (changed.has(place(one)) ? { ...one, dirty: true as const } : one));
  return [...new Map(marked.map((one) => [place(one), one])).values()].reverse();
}

export const nextNumber = (ledger: Ledger) => (ledger.entries.at(-1)?.number ?? 0) + 1;

/** One line for each entry that was changed after it was written; empty if the chain is intact. */
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
