import { databaseSecrets } from './sections.ts';
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { expect, test } from 'vitest';
import { vault } from '../../release/testing.ts';
import { retireScript, rolesDiffer, rolesMark, rolesScript, type RolesWanted } from './roles.ts';
import { formerLoginOf, loginOf } from './logins.ts';
import { poolerUsers, rotated } from './secrets.ts';
import { applicationUrls, migrationUrls } from './urls.ts';

const wanted: RolesWanted = {
  database: 'shop',
  generation: 1,
  replicas: 1,
  applicationOwnsSchema: false,
  lockTimeoutSeconds: 5,
  statementTimeoutSeconds: 900,
};
const secrets = databaseSecrets(vault);

test('the script has verifiers that fit the passwords, and no password', () => {
  const script = rolesScript(wanted, secrets);
  expect(script).not.toContain('sentinel');
  const [, rounds = '', salt = '', stored = ''] =
    /app_1 LOGIN PASSWORD 'SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):/.exec(script) ?? [];
  const salted = pbkdf2Sync(secrets.appPassword, Buffer.from(salt, 'base64'), Number(rounds), 32, 'sha256');
  const client = createHmac('sha256', salted).update('Client Key').digest();
  expect(createHash('sha256').update(client).digest('base64')).toBe(stored);
});

test('where nothing migrates the application may make its tables, else the owner alone', () => {
  expect(rolesScript({ ...wanted, applicationOwnsSchema: true }, secrets)).toContain(
    'GRANT CREATE ON SCHEMA public TO app;',
  );
  expect(rolesScript(wanted, secrets)).toContain('REVOKE CREATE ON SCHEMA public FROM app;');
});

test('a rotation uses the other login, and the former one works until it is ended', () => {
  const next = rotated(secrets);
  expect([loginOf('app', 1), loginOf('app', 2), loginOf('app', 3)]).toEqual(['app_1', 'app_2', 'app_1']);
  expect(formerLoginOf('app', 2)).toBe('app_1');
  expect(next.appPassword).not.toBe(secrets.appPassword);
  expect(poolerUsers(next)).toBe(`"app_2" "${next.appPassword}"\n"app_1" "${secrets.appPassword}"\n`);
  expect(retireScript(2)).toContain('ALTER ROLE app_1 NOLOGIN PASSWORD NULL');
  expect(retireScript(2)).not.toMatch(/app_2|owner_2/);
});

test('a newer generation in the data is no difference, any other change is one', () => {
  expect(rolesDiffer(wanted, rolesMark(wanted))).toBe(false);
  expect(rolesDiffer(wanted, rolesMark({ ...wanted, generation: 4 }))).toBe(false);
  expect(rolesDiffer({ ...wanted, generation: 2 }, rolesMark(wanted))).toBe(true);
  expect(rolesDiffer({ ...wanted, lockTimeoutSeconds: 9 }, rolesMark(wanted))).toBe(true);
  expect(rolesDiffer(wanted, '')).toBe(true);
});

test('a name with a quote stays a name', () => {
  expect(rolesScript({ ...wanted, database: 'a"b' }, secrets)).toContain('CREATE DATABASE "a""b"');
});

test('migrations log in as the owner, past the pooler', () => {
  const shop = { name: 'shop' };
  expect(migrationUrls(shop, secrets).primary).toMatch(/^postgres:\/\/owner_1:.*@database-direct:5432\/shop\?/);
  expect(applicationUrls(shop, secrets).replica).toMatch(/^postgres:\/\/app_1:.*@database-replica:5433\/shop\?/);
});
