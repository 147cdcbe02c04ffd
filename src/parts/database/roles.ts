import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { fingerprint } from '../../fingerprint.ts';
import type { DatabaseOptions } from './options.ts';
import { appRole, formerLoginOf, loginOf, ownerRole } from './logins.ts';
import type { DatabaseSecrets } from './secrets.ts';

/** What the roles, their rights and their settings depend on, without a secret. Part of a release. */
export interface RolesWanted {
  database: string;
  generation: number;
  /** Without any, the places that former replicas had in the WAL are given up, or it would be kept for them. */
  replicas: number;
  /** True where no service has a migration: then the application makes its own tables. */
  applicationOwnsSchema: boolean;
  lockTimeoutSeconds: number;
  statementTimeoutSeconds: number;
}

/** Raised when the statements below change: what was set up by an older version is set up again. */
const version = 1;

/** What the database itself remembers of its roles, as a comment: it goes where the data goes. */
export function rolesMark({ generation, ...wanted }: RolesWanted): string {
  return `horme ${fingerprint({ version, ...wanted })} ${generation}`;
}

/** A release that is older than a rotation does not undo it: its logins are older, not newer. */
export function rolesDiffer(wanted: RolesWanted, seen: string): boolean {
  const [, , generation = '0'] = seen.split(' ');
  return seen !== rolesMark({ ...wanted, generation: Math.max(wanted.generation, Number(generation)) });
}

export function rolesWanted(
  database: DatabaseOptions,
  name: string,
  migrates: boolean,
  { generation }: { generation: number },
): RolesWanted {
  const { lockTimeoutSeconds, statementTimeoutSeconds } = database.migrations;
  const { replicas } = database;
  return {
    database: name,
    generation,
    replicas,
    applicationOwnsSchema: !migrates,
    lockTimeoutSeconds,
    statementTimeoutSeconds,
  };
}

/**
 * Makes the roles what they should be, however they were; safe to repeat. `owner` has the database and its schema, and
 * migrations log in as it; `app` reads and writes. A login always acts as its role, so that both logins of a role see the same.
 * `done` is the last line of its output.
 */
export function rolesScript(wanted: RolesWanted, secrets: DatabaseSecrets): string {
  const { database } = wanted;
  const { generation } = secrets;
  const name = identifier(database);
  const logins = [
    { role: appRole, password: secrets.appPassword },
    { role: ownerRole, password: secrets.ownerPassword },
  ];
  return [
    // The values are verifiers, not passwords; they still belong into no log.
    `SET log_statement = 'none'; SET log_min_duration_statement = -1; SET log_min_error_statement = 'panic';`,
    ...[appRole, ownerRole].map((role) => created(role, 'NOLOGIN')),
    ...logins.flatMap(({ role, password }) => [
      created(loginOf(role, generation), 'LOGIN'),
      `ALTER ROLE ${loginOf(role, generation)} LOGIN PASSWORD '${scramVerifier(password)}';`,
      `GRANT ${role} TO ${loginOf(role, generation)};`,
      `ALTER ROLE ${loginOf(role, generation)} SET role = '${role}';`,
    ]),
    created('monitor', 'LOGIN'),
    `ALTER ROLE monitor LOGIN PASSWORD '${scramVerifier(secrets.monitorPassword)}';`,
    'GRANT pg_monitor TO monitor;',
    created('backup', 'LOGIN'),
    'GRANT pg_read_all_settings, pg_checkpoint TO backup;',
    `GRANT EXECUTE ON FUNCTION pg_backup_start(text, boolean), pg_backup_stop(boolean), pg_switch_wal(), pg_create_restore_point(text) TO backup;`,
    // The owner may change what the application made while there was no migration yet.
    `GRANT ${appRole} TO ${ownerRole};`,
    `SELECT 'CREATE DATABASE ${name} OWNER ${ownerRole}' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '${database}') \\gexec`,
    `ALTER DATABASE ${name} OWNER TO ${ownerRole};`,
    `REVOKE ALL ON DATABASE ${name} FROM PUBLIC;`,
    `GRANT CONNECT, TEMPORARY ON DATABASE ${name} TO ${appRole};`,
    ...timeouts(wanted, generation),
    `\\connect ${name}`,
    `ALTER SCHEMA public OWNER TO ${ownerRole};`,
    'REVOKE CREATE ON SCHEMA public FROM PUBLIC;',
    `GRANT USAGE ON SCHEMA public TO ${appRole};`,
    `${wanted.applicationOwnsSchema ? 'GRANT' : 'REVOKE'} CREATE ON SCHEMA public ${wanted.applicationOwnsSchema ? 'TO' : 'FROM'} ${appRole};`,
    ...applicationRights(),
    ...(wanted.replicas === 0 ? [unusedSlots] : []),
    `COMMENT ON ROLE ${appRole} IS '${rolesMark({ ...wanted, generation })}';`,
    "\\echo 'done'",
  ].join('\n');
}

const unusedSlots = `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
WHERE NOT active AND slot_type = 'physical' AND slot_name LIKE 'horme\\_postgres\\_%';`;

/** A login whose password was replaced: whoever still holds it gets in no more. */
export const retireScript = (generation: number): string =>
  [appRole, ownerRole]
    .map((role) => formerLoginOf(role, generation))
    .map(
      (login) =>
        `SELECT 'ALTER ROLE ${login} NOLOGIN PASSWORD NULL' WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = '${login}') \\gexec
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${login}';`,
    )
    .concat("\\echo 'done'")
    .join('\n');

/** A migration that waits for a lock makes every query behind it wait too: better to fail and to be tried again. */
function timeouts(
  { database, lockTimeoutSeconds, statementTimeoutSeconds }: RolesWanted,
  generation: number,
): string[] {
  const login = `ALTER ROLE ${loginOf(ownerRole, generation)} IN DATABASE ${identifier(database)}`;
  return [
    `${login} SET lock_timeout = '${lockTimeoutSeconds}s';`,
    `${login} SET statement_timeout = '${statementTimeoutSeconds}s';`,
  ];
}

/** On what is there and on what the owner makes later. */
function applicationRights(): string[] {
  const rights = [
    ['TABLES', 'SELECT, INSERT, UPDATE, DELETE'],
    ['SEQUENCES', 'USAGE, SELECT, UPDATE'],
    ['FUNCTIONS', 'EXECUTE'],
  ];
  return rights.flatMap(([kind, what]) => [
    `GRANT ${what} ON ALL ${kind} IN SCHEMA public TO ${appRole};`,
    `ALTER DEFAULT PRIVILEGES FOR ROLE ${ownerRole} GRANT ${what} ON ${kind} TO ${appRole};`,
  ]);
}

const created = (role: string, login: 'LOGIN' | 'NOLOGIN') =>
  `SELECT 'CREATE ROLE ${role} ${login}' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') \\gexec`;

const identifier = (name: string) => `"${name.replaceAll('"', '""')}"`;

/** As PostgreSQL stores a password (RFC 5803); 4,096 rounds are its default. So no password is ever sent or logged. */
function scramVerifier(password: string): string {
  const rounds = 4096;
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, rounds, 32, 'sha256');
  const keyed = (text: string) => createHmac('sha256', salted).update(text).digest();
  const stored = createHash('sha256').update(keyed('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${rounds}:${salt.toString('base64')}$${stored}:${keyed('Server Key').toString('base64')}`;
}
