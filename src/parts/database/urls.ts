import type { Stack } from '../../stack/stack.ts';
import { databaseAlias, databaseName, directAlias, ports, replicaAlias, secretFile } from './names.ts';
import { appRole, loginOf, ownerRole } from './logins.ts';
import type { DatabaseSecrets } from './secrets.ts';

/** File with the CA certificate that the URLs name in `sslrootcert`; lies in the service's secrets. */
export const authorityName = 'database-ca.crt';

export interface DatabaseUrls {
  primary: string;
  replica: string;
}

/** A URL that libpq, node-postgres, pgx, asyncpg and JDBC understand. */
function url(stack: Pick<Stack, 'name'>, login: string, password: string, host: string, port: number): string {
  const trust = `sslmode=verify-full&sslrootcert=${secretFile(authorityName)}`;
  return `postgres://${login}:${password}@${host}:${port}/${databaseName(stack)}?${trust}`;
}

export function applicationUrls(stack: Pick<Stack, 'name'>, secrets: DatabaseSecrets): DatabaseUrls {
  const login = loginOf(appRole, secrets.generation);
  return {
    primary: url(stack, login, secrets.appPassword, databaseAlias, ports.primary),
    replica: url(stack, login, secrets.appPassword, replicaAlias, ports.replica),
  };
}

/** A migration logs in as the schema's owner, directly at the primary, since it needs a session of its own. */
export function migrationUrls(stack: Pick<Stack, 'name'>, secrets: DatabaseSecrets): DatabaseUrls {
  const login = loginOf(ownerRole, secrets.generation);
  const primary = url(stack, login, secrets.ownerPassword, directAlias, ports.primary);
  return { primary, replica: primary };
}
