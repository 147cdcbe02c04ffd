/** What is looked at in restored data: while its Postgres runs, and after it was stopped. */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { momentText, parseMoment } from '../../moments.ts';
import { niceOfDrills } from '../../programs.ts';
import type { Agent } from '../agent.ts';
import { query, type Server } from './server.ts';
import { containing, type Segment } from './wal.ts';

/** Reads all tables and indexes. */
const checkSeconds = 24 * 3600;
const saidCharacters = 2000;

/** PostgreSQL's mark, pg_database.h: DATCONNLIMIT_INVALID_DB. */
export const beingDropped = -2;

/** Undefined: there is no such database. */
export async function connectionLimit(server: Server, name: string): Promise<number | undefined> {
  const limit = await query(server, 'postgres', `SELECT datconnlimit FROM pg_database WHERE datname = '${name}'`);
  return limit === '' ? undefined : Number(limit);
}

/** What pg_amcheck finds wrong in tables and indexes. Leaves no extension behind that was not there. */
export async function amcheck(server: Server): Promise<string[]> {
  // As pg_amcheck's --all has it: one whose drop was interrupted refuses every session, and is no damage.
  const there = `SELECT datname FROM pg_database WHERE datallowconn AND datconnlimit <> ${beingDropped}`;
  const without: string[] = [];
  for (const name of linesOf(await query(server, 'postgres', there))) {
    const installed = await query(server, name, "SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'");
    if (installed === '0') without.push(name);
  }
  const options = ['--all', '--install-missing', '--heapallindexed', '--jobs=1'];
  const argv = ['pg_amcheck', '-h', server.socket, '-U', 'postgres', ...options];
  const done = await server.programs.run(argv, { seconds: checkSeconds });
  for (const name of without) await query(server, name, 'DROP EXTENSION IF EXISTS amcheck');
  // 0 is sound, 2 is corruption, both said on stdout; all else is a failure to look.
  return done.exitCode === 0 ? [] : [`pg_amcheck: ${lastOf(done)}`];
}

/**
 * Of each table of the user, counted: an estimate would not tell a restored table from a half of it. Of damaged data, as many as
 * can be: each table is named before it is counted, and null is one whose rows can't be read.
 */
export async function rows(
  server: Server,
  database: string,
  { damaged }: { damaged: boolean },
): Promise<Record<string, number | null>> {
  const counting = String.raw`SELECT format('SELECT %L, ''-''', name), format('SELECT %L, count(*) FROM %I.%I', name, nspname, relname)
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace, LATERAL (SELECT nspname || '.' || relname AS name) named
    WHERE relkind = 'r' AND relpersistence <> 't' AND nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'
    ORDER BY 1 \gexec`;
  const goingOn = damaged ? '\\set ON_ERROR_STOP off\n' : '';
  const counted = linesOf(await query(server, database, goingOn + counting)).map((line) => {
    const tab = line.lastIndexOf('\t');
    const count = line.slice(tab + 1);
    return [line.slice(0, tab), count === '-' ? null : Number(count)] as const;
  });
  return Object.fromEntries(counted);
}

/** Of the pages of a stopped cluster. */
export async function checksums(programs: Agent['programs'], data: string): Promise<string[]> {
  const done = await programs.run(['pg_checksums', '--check', '-D', data], {
    seconds: checkSeconds,
    nice: niceOfDrills,
  });
  return done.exitCode === 0 ? [] : [`pg_checksums: ${lastOf(done)}`];
}

/** The last WAL that recovery used: a promotion writes into the new timeline's history where the former one ended. */
export async function replayedTo(data: string): Promise<Segment | undefined> {
  const names = (await readdir(join(data, 'pg_wal'))).filter((name) => name.endsWith('.history')).sort();
  const newest = names.at(-1);
  if (newest === undefined) return undefined;
  const text = await readFile(join(data, 'pg_wal', newest), 'utf8');
  const [, timeline, lsn] = [...text.matchAll(/^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/gm)].at(-1) ?? [];
  return lsn === undefined ? undefined : containing(Number(timeline), lsn);
}

/** When the last one that was replayed was committed; undefined when there was none to replay. */
export async function newestTransaction(server: Server): Promise<string | undefined> {
  const answer = await query(server, 'postgres', 'SELECT pg_last_xact_replay_timestamp()');
  return answer === '' ? undefined : momentText(parseMoment(answer));
}

const linesOf = (text: string): string[] => (text === '' ? [] : text.split(/\r?\n/));

const lastOf = (done: { stdout: string; stderr: string }): string =>
  (done.stdout + done.stderr).trim().slice(-saidCharacters);
