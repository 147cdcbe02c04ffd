import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { devNull, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { migrationCheck } from './check.ts';
import { pendingMigrations } from '../../release/migration-files.ts';
import type { ReleaseContent } from '../../release/release.ts';
import { fingerprint } from '../../fingerprint.ts';
import { stackOf, userService } from '../../release/testing.ts';
import { findSquawk, findingText, lintMigrations, lintServices, squawkArgv } from './lint.ts';

const folder = 'api/migrations';
const createTable = 'create table orders (id bigint generated always as identity primary key, note text);\n';
const signal = AbortSignal.timeout(30_000);

let directory: string;

beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'horme-lint-')));
  await mkdir(join(directory, folder), { recursive: true });
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function write(path: string, text: string): Promise<string> {
  await mkdir(dirname(join(directory, path)), { recursive: true });
  await writeFile(join(directory, path), text);
  return path;
}

async function program(path: string, text: string): Promise<string> {
  const written = join(directory, await write(path, text));
  await chmod(written, 0o755);
  return written;
}

async function lint(files: string[], squawk?: string) {
  return lintMigrations({ directory, files, squawk: squawk ?? (await findSquawk(directory)), signal });
}

async function findings(sql: string, name = '003.sql') {
  const result = await lint([await write(`${folder}/${name}`, sql)]);
  if (result.outcome !== 'linted') throw new Error(JSON.stringify(result));
  return result.findings;
}

const rules = async (sql: string) => (await findings(sql)).map(({ rule }) => rule);
const drop = 'drop table orders;';

describe('what squawk finds', () => {
  test('an index that is not made CONCURRENTLY is found with its file and line', async () => {
    const found = await findings('-- faster search\n\ncreate index by_note\n  on orders (note);\n');
    expect(found.map(findingText)).toEqual([
      'api/migrations/003.sql:3: During normal index creation, table updates are blocked, but reads are still allowed — ' +
        'Use `concurrently` to avoid blocking writes (squawk: require-concurrent-index-creation)',
    ]);
  });

  test('a new table with an index blocks nobody', async () => {
    expect(await findings(`${createTable}create index by_note on orders (note);\n`)).toEqual([]);
  });

  test('matters of taste and missing timeouts are not hazards', async () => {
    const columns = ['a int', 'b smallint', 'c serial', 'd varchar(20)', 'e char(3)', 'f timestamp'];
    expect(await findings(columns.map((column) => `alter table orders add column ${column};`).join('\n'))).toEqual([]);
  });

  test('what the release before could not live with is found, with advice', async () => {
    const found = await findings(`alter table a drop column b;
alter table a rename column b to c;
alter table a rename to d;
drop table a;
alter table a alter column b type int;
alter table a alter column b drop not null;`);
    const expected = ['ban-drop-column', 'renaming-column', 'renaming-table', 'ban-drop-table', 'changing-column-type'];
    expect(found.map(({ rule }) => rule)).toEqual([...expected, 'ban-drop-not-null']);
    expect(found.filter(({ help }) => help === undefined)).toEqual([]);
  });

  test('SQL that cannot be parsed is one finding a line, as an error', async () => {
    const [found, ...others] = await findings(`${createTable}create tabel orders (\n`);
    expect([found?.line, found?.rule, found?.level, ...others]).toEqual([2, 'syntax-error', 'error']);
  });

  test('a comment silences one rule for a statement, or for its file', async () => {
    const column = 'alter table orders drop column note;';
    const comments = '-- squawk-ignore-file ban-drop-table\n-- squawk-ignore ban-drop-column';
    const sql = `${comments}\n${column}\n${column}\n${drop}`;
    expect(await findings(sql)).toMatchObject([{ line: 4, rule: 'ban-drop-column' }]);
  });

  test('names that would be patterns or options are files', async () => {
    const names = ['-c.sql', `${folder}/[1]*?.sql`, `${folder}/a b.sql`];
    const result = await lint(await Promise.all(names.map((name) => write(name, drop))));
    expect(result).toMatchObject({ findings: names.map((file) => ({ file })) });
  });
});

describe("the project's own .squawk.toml", () => {
  test('its exclusions are kept beside ours', async () => {
    await write('.squawk.toml', 'excluded_rules = ["ban-drop-column"]\nexcluded_paths = ["*/legacy.sql"]\n');
    expect(await rules('alter table orders drop column note; drop table orders;')).toEqual(['ban-drop-table']);
    expect(await findings(drop, 'legacy.sql')).toEqual([]);
  });

  test('a file is taken to run in a transaction unless it says otherwise', async () => {
    const sql = 'create index concurrently a on orders (note);\ncreate index concurrently b on orders (id);\n';
    expect(await rules(sql)).toContain('ban-concurrent-index-creation-in-transaction');
    await write('.squawk.toml', 'assume_in_transaction = false\n');
    expect(await rules(sql)).toEqual([]);
  });

  test('no flag of ours wins over it', () => {
    const flags = (own?: string) => squawkArgv('squawk', ['a.sql'], own).slice(2).join(' ');
    expect(flags()).toBe(`--config=${devNull} --pg-version=17.0 --assume-in-transaction -- a.sql`);
    expect(flags('pg_version = "16.0"\n#\nassume_in_transaction = false\n')).toBe('--config=.squawk.toml -- a.sql');
  });
});

describe('which files are pending', () => {
  test('those that the live release lacks or has otherwise', () => {
    const texts = { '001.sql': 'select 1;', '002.sql': 'select 2;', '003.sql': 'select 3;' };
    const live = { '000.sql': 'gone', '001.sql': fingerprint('select 1;'), '002.sql': fingerprint('select 22;') };
    expect(pendingMigrations(texts, live)).toEqual(['002.sql', '003.sql']);
  });

  test('only they are looked at, for each service by itself', async () => {
    for (const name of ['001.sql', '002.sql', 'README.md']) await write(`${folder}/${name}`, drop);
    await write('jobs/sql/001.sql', drop);
    const migrationFiles = { '001.sql': fingerprint(drop) };
    const live = { services: [{ name: 'api', migrationFiles }] } as unknown as ReleaseContent;
    const services = [
      userService('api', { migrations: join(directory, folder) }),
      userService('jobs', { migrations: join(directory, 'jobs/sql') }),
      userService('web'),
    ];
    const lints = await lintServices(stackOf(services, { directory }), live, signal);
    expect(lints.flatMap(({ pending }) => pending)).toEqual(['api/migrations/002.sql', 'jobs/sql/001.sql']);
    expect(lints.map(migrationCheck).map(({ ok, detail }) => `${ok} ${detail}`)).toEqual([
      'true 1 new or changed file, 1 hazard',
      'true 1 new or changed file, 1 hazard',
    ]);
  });

  test('without any, squawk is not needed', async () => {
    const result = await lint([], '/no/such/program');
    expect(migrationCheck({ service: 'api', pending: [], ...result }).detail).toBe('nothing new');
  });
});

describe('where squawk is', () => {
  const installed = `@squawk-cli/${process.platform}-${process.arch}/bin/squawk`;

  test("the project's own comes first, then that beside Horme, then the PATH's", async () => {
    expect(await findSquawk(directory)).toMatch(new RegExp(`${installed}$`));
    const path = dirname(await program('path/squawk', '#!/bin/sh\n'));
    expect(await findSquawk(directory, join(directory, 'horme.cjs'), path)).toBe(join(path, 'squawk'));
    expect(await findSquawk(directory, join(directory, 'horme.cjs'), '')).toBeUndefined();
    // As pnpm lays it out.
    const store = 'node_modules/.pnpm/squawk-cli/node_modules';
    await write(`${store}/squawk-cli/package.json`, '{}');
    await symlink(join(directory, store, 'squawk-cli'), join(directory, 'node_modules/squawk-cli'));
    const own = await program(`${store}/${installed}`, '#!/bin/sh\n');
    expect(await findSquawk(directory)).toBe(own);
  });

  test('nowhere: not run, and the check says so with what to type', async () => {
    const result = await lintMigrations({ directory, files: ['a.sql'], squawk: undefined, signal });
    const detail =
      '1 new or changed file, not run: squawk is not installed; to have it: npm install --save-dev squawk-cli';
    expect(migrationCheck({ service: 'api', pending: ['a.sql'], ...result })).toMatchObject({ ok: true, detail });
  });

  test('for another machine, as on Alpine: not run', async () => {
    const foreign = await program('squawk', '#!/no/such/interpreter\n');
    const reason = `this machine can't start ${foreign}`;
    expect(await lint(['a.sql'], foreign)).toEqual({ outcome: 'not-run', reason });
  });
});

describe('a squawk that fails', () => {
  test('a crash fails the check, with its last words', async () => {
    const file = await write('deep.sql', `select ${'('.repeat(50_000)}1${')'.repeat(50_000)};`);
    const result = await lint([file]);
    const { ok, detail } = migrationCheck({ service: 'api', pending: [file], ...result });
    expect(ok).toBe(false);
    expect(detail).toContain('has overflowed its stack');
  });

  test('so does what is not its JSON, and no file at all', async () => {
    const silent = await program('silent', '#!/bin/sh\necho "[{}]"\nexit 7\n');
    expect(await lint(['a.sql'], silent)).toEqual({ outcome: 'failed', lastWords: 'exit code 7 without a word' });
    expect(await lint(['a.sql'])).toMatchObject({ outcome: 'failed' });
  });
});
