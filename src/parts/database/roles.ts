import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { fingerprint } from '../../fingerprint.ts';
import type { DatabaseOptions } from './options.ts';
import { appRole, formerLoginOf, loginOf, ownerRole } from './logins.ts';
import type { DatabaseSecrets } from './secrets.ts';

/** Inputs of the roles, their rights and settings, without secrets. Part of a release. */
export interface RolesWanted {
  database: string;
  generation: number;
  /** If 0, the replication slots of former replicas are dropped: otherwise the primary would keep WAL for them. */
  replicas: number;
  /** True if no service has a migration: then the application creates its own tables. */
  applicationOwnsSchema: boolean;
  lockTimeoutSeconds: number;
  statementTimeoutSeconds: number;
}

/** Increment when the statements below change, so that existing databases are set up again. */
const version = 1;

/** Mark of the roles, stored in the database as a comment, so that a restore brings it along with the data. */
export function rolesMark({ generation, ...wanted }: RolesWanted): string {
  return `horme ${fingerprint({ version, ...wanted })} ${generation}`;
}

/** A release from before a rotation must not undo it, so its older generation is no difference. */
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
 * Sets the roles whatever their present state; safe to repeat. `owner` owns the database and its schema and is used by
 * migrations; `app` reads and writes. A login always acts as its role, so that both logins of a role have the same
 * rights. The last line of its output is `done`.
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
    // The values are SCRAM verifiers, not passwords, but must not be logged either.
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
    // The owner may change tables that the application created before there was a migration.
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

/** Retires the login of the previous rotation: its password no longer works. */
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

/**
 * A migration that waits for a lock blocks every query that queues behind it, so it should rather fail and be run
 * again.
 */
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

/** Rights on existing objects and on those that the owner creates later. */
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

/**
 * The password in PostgreSQL's stored form (RFC 5803; 4,096 rounds are its default), so that no password is sent or
 * logged.
 */
function scramVerifier(password: string): string {
  const rounds = 4096;
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, rounds, 32, 'sha256');
  const keyed = (text: string) => createHmac('sha256', salted).update(text).digest();
  const stored = createHash('sha256').update(keyed('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${rounds}:${salt.toString('base64')}$${stored}:${keyed('Server Key').toString('base64')}`;
}
