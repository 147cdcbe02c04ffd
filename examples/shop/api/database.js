import pg from 'pg';

/** Of PostgreSQL and of the network: the database went away or is moving to another host. The caller may try again. */
const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EAI_AGAIN',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  '25006', // read_only_sql_transaction: the primary has just become a standby
  '53300', // too_many_connections
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
]);

/** @param {string} url */
export function connectDatabase(url) {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'shop-api',
    max: 10, // times the replicas, and twice that during a rollout: what the pooler takes, or the server's max_connections
    connectionTimeoutMillis: 5_000,
    // A new connection is a TLS handshake and a login: keep those that quiet minutes don't need.
    idleTimeoutMillis: 300_000,
    statement_timeout: 5_000,
    // Also ends a query whose server vanished without closing the connection.
    query_timeout: 6_000,
    keepAlive: true,
  });
  // Without a listener, a connection that is lost inside a transaction would end the process; its next query fails anyway.
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/**
 * @template T
 * @param {import('pg').Pool} pool
 * @param {(client: import('pg').PoolClient) => Promise<T>} work
 */
export async function inTransaction(pool, work) {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    client.release();
    return result;
  } catch (error) {
    const undone = await client.query('rollback').then(
      () => true,
      () => false,
    );
    // A connection whose transaction is in doubt must not go back to the pool.
    client.release(!undone);
    throw error;
  }
}

/** @param {Error & { code?: string }} error */
export function isUnreachable(error) {
  if (error.code && UNREACHABLE.has(error.code)) return true;
  // These come without a code: pg's pool and client, and ioredis.
  return /timeout|timed out|Connection terminated|connection error|Connection is closed|max retries per request/i.test(
    error.message,
  );
}
