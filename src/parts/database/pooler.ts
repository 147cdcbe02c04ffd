import type { Stack } from '../../stack/stack.ts';
import { databaseName, ports, proxyService, secretFile } from './names.ts';
import { tlsFiles } from './patroni.ts';

export const poolerFolder = '/run/pgbouncer';
const usersFile = secretFile('pooler-users');

/**
 * PgBouncer in transaction mode. `default_pool_size` is its default, 20 of Postgres' 100 connections.
 * `query_wait_timeout` is how long a statement may wait during a failover or switchover. `server_login_retry` is 1 s
 * instead of 15, since a failover is over sooner than that.
 */
export function renderPooler(stack: Pick<Stack, 'name'>): string {
  const { authority, certificate, key } = tlsFiles;
  const name = databaseName(stack);
  return `[databases]
${name} = host=${proxyService} port=${ports.primary} dbname=${name}

[pgbouncer]
listen_addr = 0.0.0.0
listen_port = ${ports.primary}
unix_socket_dir = ${poolerFolder}
auth_type = scram-sha-256
auth_file = ${usersFile}
admin_users = pgbouncer
pool_mode = transaction
max_client_conn = 1000
default_pool_size = 20
max_prepared_statements = 200
query_wait_timeout = 120
server_login_retry = 1
ignore_startup_parameters = extra_float_digits,statement_timeout,lock_timeout,idle_in_transaction_session_timeout
client_tls_sslmode = require
client_tls_cert_file = ${certificate}
client_tls_key_file = ${key}
server_tls_sslmode = verify-full
server_tls_ca_file = ${authority}
logfile =
pidfile =
`;
}
