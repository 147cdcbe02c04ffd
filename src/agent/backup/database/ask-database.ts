/** What the database itself says of its archiving. */

import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import pg from 'pg';
import * as z from 'zod';
import { failure, messageOf } from '../../failure.ts';
import { secret, secretPath, type Folders } from '../folders.ts';

export interface DatabaseServer {
  host: string;
  port: number;
  /** For each answer, and for the connection. */
  worstAnswerSeconds: number;
}

const databaseServer: DatabaseServer = { host: 'horme-database', port: 5432, worstAnswerSeconds: 10 };

/** The code of the failure of a database that can't be asked. */
export const databaseAway = 'database-away';

/** A transaction that writes WAL and nothing else: an idle database too has a newest one, and its WAL is switched. */
const beat = "SELECT pg_logical_emit_message(true, 'horme', 'beat')";
const archiving = `SELECT coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) AS "failed",
    extract(epoch FROM last_archived_time)::float8 AS "archived", last_archived_wal AS "newest" FROM pg_stat_archiver`;
const ready = `SELECT coalesce(extract(epoch FROM now() - min(modification)), 0)::float8 AS "oldest", count(*)::int AS "count"
    FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'`;
const walBytes = 'SELECT coalesce(sum(size), 0)::float8 AS "bytes" FROM pg_ls_waldir()';

const archiverAnswer = z.object({
  /** The last push. */
  failed: z.boolean(),
  /** When the newest WAL file was archived, in seconds since 1970. */
  archived: z.number().nullable(),
  /** The name of that file. */
  newest: z.string().nullable(),
  /** For how many seconds the oldest WAL file waits to be pushed. */
  oldest: z.number(),
  /** How many wait. */
  count: z.number(),
  /** Of all WAL that the database holds. */
  bytes: z.number(),
});
export type ArchiverAnswer = z.infer<typeof archiverAnswer>;

/** Fails with 'database-away' when it can't be asked. */
export async function askDatabase(folders: Folders, server: DatabaseServer = databaseServer): Promise<ArchiverAnswer> {
  const [password, ca] = [
    await secret(folders, 'monitor-password'),
    await readFile(secretPath(folders, 'database-ca')),
  ];
  const socket = new Socket();
  const client = clientOf(server, socket, password, ca);
  // What breaks in between is told by the query that waits.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(beat);
    const rows: object[] = [];
    for (const question of [archiving, ready, walBytes]) rows.push(...(await client.query<object>(question)).rows);
    await client.end();
    return archiverAnswer.parse(Object.assign({}, ...rows));
  } catch (error) {
    if (error instanceof z.ZodError) throw error;
    throw failure(databaseAway, messageOf(error).trim(), undefined, error);
  } finally {
    // One that hangs does not answer a goodbye either.
    socket.destroy();
  }
}

function clientOf(
  { host, port, worstAnswerSeconds }: DatabaseServer,
  socket: Socket,
  password: string | undefined,
  ca: Buffer,
): pg.Client {
  return new pg.Client({
    host,
    port,
    user: 'monitor',
    password,
    database: 'postgres',
    application_name: 'horme-backup',
    // The certificate must be of the authority, and name the host.
    ssl: { ca, rejectUnauthorized: true },
    options: `-c statement_timeout=${worstAnswerSeconds}s`,
    connectionTimeoutMillis: worstAnswerSeconds * 1000,
    // The server's own limit does not help where it hangs, or where the network is gone.
    query_timeout: worstAnswerSeconds * 1000,
    stream: () => socket,
  });
}
