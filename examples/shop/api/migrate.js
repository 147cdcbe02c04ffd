/**
 * Applies migrations/*.sql in the order of their names, each once. Safe to run again, and from several places at once.
 *
 * It runs before a release, while the release before still serves: add and backfill first, remove what is unused in a
 * later release.
 */
import { readdir, readFile } from 'node:fs/promises';
import pg from 'pg';
import { required } from './config.js';

const FOLDER = new URL('migrations/', import.meta.url);
/** Any number, as long as it is this program's own. */
const ADVISORY_LOCK = 7_406_001;

const client = new pg.Client({
  connectionString: required(process.env, 'DATABASE_URL'),
  application_name: 'shop-migrate',
  connectionTimeoutMillis: 10_000,
});
// A lost connection also fails the query that is waiting, and that is where it is reported.
client.on('error', () => {});
try {
  await client.connect();
  // Waits for another migration to end, but not forever.
  await client.query("set lock_timeout = '60s'");
  await client.query('select pg_advisory_lock($1)', [ADVISORY_LOCK]);
  // A migration that waits for a table's lock makes every query behind it wait too: better to fail and be tried again.
  await client.query("set lock_timeout = '5s'");
  await client.query("set statement_timeout = '60s'");
  await client.query(
    'create table if not exists schema_migrations (name text primary key, applied_at timestamptz not null default now())',
  );
  const applied = await migrate();
  console.log(applied.length > 0 ? `applied ${applied.join(', ')}` : 'nothing to apply');
} catch (error) {
  console.error(`migration failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  // The lock goes with the connection.
  await client.end();
}

async function migrate() {
  const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.sql')).sort();
  const { rows } = await client.query('select name from schema_migrations');
  const done = new Set(rows.map((row) => row.name));
  const pending = files.filter((name) => !done.has(name));
  for (const name of pending) await apply(name);
  return pending;
}

/** The change and the record of it are one transaction. @param {string} name */
async function apply(name) {
  const sql = await readFile(new URL(name, FOLDER), 'utf8');
  try {
    await client.query('begin');
    await client.query(sql);
    await client.query('insert into schema_migrations (name) values ($1)', [name]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw new Error(`${name}: ${error.message}`, { cause: error });
  }
}
