/** What pgBackRest prints, parsed. Pure. */

import * as z from 'zod';
import { failure } from '../../failure.ts';

/** Of what pgBackRest says when it fails, what a person reads. */
const saidCharacters = 1500;

/** As `pgbackrest info` has it; times in seconds since 1970. */
export interface Backup {
  label: string;
  type: 'full' | 'diff' | 'incr';
  started: number;
  ended: number;
  walStart: string;
  walStop: string;
  databaseBytes: number;
  repositoryBytes: number;
  /** Pages whose checksum was wrong in the database already. */
  error: boolean;
}

/** A history of the database in one repository. */
export interface Stanza {
  name: string;
  systemId: string | null;
  /** Of PostgreSQL, without the minor. */
  version: string | null;
  /** Oldest first. */
  backups: Backup[];
}

const reasoned = z.object({ status: z.object({ message: z.string() }) });

const toldBackup = z.object({
  label: z.string(),
  type: z.enum(['full', 'diff', 'incr']),
  timestamp: z.object({ start: z.number(), stop: z.number() }),
  archive: z.object({ start: z.string(), stop: z.string() }),
  info: z.object({ size: z.number(), repository: z.object({ delta: z.number() }) }),
  error: z.boolean().nullish(),
});

const toldHistory = z.object({
  name: z.string(),
  status: z.object({ code: z.number(), message: z.string() }),
  repo: z.array(reasoned).default([]),
  db: z.array(z.object({ 'system-id': z.string(), version: z.string() })).default([]),
  backup: z.array(toldBackup).default([]),
});

export type ToldHistory = z.infer<typeof toldHistory>;

/** The answer of `info`. A repository that can't be read is an error, not one without backups. */
export function parseInfo(answer: string): ToldHistory[] {
  const found = z.array(toldHistory).parse(JSON.parse(strict(answer)));
  // Without an answer of the repository there is no name of a history.
  const invalid = found.find(({ name }) => name === '[invalid]');
  if (invalid) throw failure('repository-unreachable', `it can't be read: ${reason(invalid)}`);
  return found;
}

/**
 * pgBackRest's own JSON: what it says of errors has line ends in it, which JSON forbids. A system's identifier has 64 bits,
 * and as a number it would lose its last digits.
 */
function strict(answer: string): string {
  const escaped = answer.replace(/"[^"\\]*(?:\\[\s\S][^"\\]*)*"/g, (text) =>
    text.replace(/[\u0000-\u001f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
  return escaped.replace(/("system-id"\s*:\s*)(\d+)/g, '$1"$2"');
}

export function stanzaOf(told: ToldHistory): Stanza {
  // 0: well; 1: no such stanza; 2: no backup yet; 3: no WAL yet (from pgBackRest's info.c).
  if (![0, 1, 2, 3].includes(told.status.code)) {
    throw failure('repository-unreachable', `history ${told.name} can't be read: ${reason(told)}`);
  }
  const system = told.db.at(-1);
  return {
    name: told.name,
    systemId: system?.['system-id'] ?? null,
    version: system?.version ?? null,
    backups: told.backup.map(backupOf).sort((one, other) => one.ended - other.ended),
  };
}

function backupOf({ label, type, timestamp, archive, info, error }: z.infer<typeof toldBackup>): Backup {
  return {
    label,
    type,
    started: timestamp.start,
    ended: timestamp.stop,
    walStart: archive.start,
    walStop: archive.stop,
    databaseBytes: info.size,
    repositoryBytes: info.repository.delta,
    error: error === true,
  };
}

function reason({ repo, status }: ToldHistory): string {
  const text = [...repo.map((one) => one.status.message), status.message].join('\n');
  if (text.includes('\ufffd') || text.includes('unable to flush')) {
    return 'it was encrypted with another passphrase than the secret backup-cipher, or its files are damaged';
  }
  return said(text);
}

/** Oldest first; a backup with damaged pages is none of them. */
export const goodOf = ({ backups }: Stanza): Backup[] => backups.filter(({ error }) => !error);

const toldFiles = z.record(z.string(), z.object({ type: z.string(), time: z.number().optional() }));

/** The answer of `repo-ls`: when each file was written, by its path. */
export function parseListing(answer: string): Map<string, number> {
  const files = Object.entries(toldFiles.parse(JSON.parse(answer))).filter(([, { type }]) => type === 'file');
  return new Map(files.map(([path, { time = 0 }]) => [path, time]));
}

/** What pgBackRest complains of, without its times and process numbers; the end of it all when it is no complaint. */
export function said(output: string): string {
  const lines = output
    .split(/\r?\n/)
    .map((line) => line.replace(/^\d{4}-\d\d-\d\d [\d:.]+ P\d\d +/, '').trim())
    .filter((line) => line !== '');
  const complaint = lines.findIndex((line) => /^(WARN|ERROR)/.test(line));
  const first = complaint < 0 ? Math.max(0, lines.length - 5) : complaint;
  return lines.slice(first).join(' / ').slice(0, saidCharacters) || 'it said nothing';
}
