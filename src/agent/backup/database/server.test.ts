import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { failure, isFailure } from '../../failure.ts';
import { graceSeconds, niceOfDrills, Programs } from '../../programs.ts';
import { stopwatch } from '../../moments.ts';
import { completed, fakePrograms, quiet, temporaryFolders, told } from '../testing.ts';
import { amcheck, rows } from './checks.ts';
import { restoredFolder } from './mark.ts';
import { complaints, type Server } from './server.ts';
import { failureOf, noServer } from './testing.ts';
import { ofVersion } from './version.ts';
import { scratchOf } from './world.ts';

/** Programs that say how they were started. */
const scripts = {
  // As the real one, which ends its sessions by SIGQUIT alone.
  postgres: `trap 'echo ended > "$(dirname "$0")/sessions"; exit' QUIT; trap '' TERM
    echo "$@" > "$(dirname "$0")/arguments"; nice > "$(dirname "$0")/niceness"; sleep 60 & wait`,
  pg_isready: 'test -s "$(dirname "$0")/niceness"',
  pg_controldata: 'echo "max_prepared_xacts setting:           7"; echo "wal_level setting:  replica"',
  pg_ctl: 'exit 0',
  pg_checksums: 'nice; exit 1',
};

function keepPath(): void {
  const path = process.env['PATH'];
  onTestFinished(() => void (process.env['PATH'] = path));
}

/** First in the PATH. */
async function standIns(changes: Partial<typeof scripts> = {}) {
  const { run: folder, scratch: data } = temporaryFolders();
  for (const [name, script] of Object.entries({ ...scripts, ...changes })) {
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, name), 0o755);
  }
  keepPath();
  process.env['PATH'] = `${folder}:${process.env['PATH']}`;
  const said = (name: string) => readFile(join(folder, name), 'utf8');
  return { data, log: join(data, 'log'), said, scratch: scratchOf(new Programs()) };
}

test('production comes first', async () => {
  const { data, log, said, scratch } = await standIns();
  await scratch.running(data, log, quiet, async () => {
    expect(await said('niceness')).toBe(`${niceOfDrills}\n`);
  });
  expect(await scratch.checksums(data)).toEqual([`pg_checksums: ${niceOfDrills}`]);
});

test('it is started with the limits that the primary had, and archives nothing', async () => {
  const { data, log, said, scratch } = await standIns();
  const options = await scratch.running(data, log, quiet, () => said('arguments'));
  expect(options).toContain('-c max_prepared_transactions=7');
  expect(options).toContain('-c archive_mode=off');
  expect(options).not.toContain('wal_level');
});

test('a database whose drop was interrupted is asked nothing', async () => {
  const asked = new Set<string | undefined>();
  const programs = fakePrograms(async (argv, { stdin = '' }) => {
    if (argv[0] !== 'psql') return completed();
    if (stdin.includes('FROM pg_database')) {
      return completed(stdin.includes('datconnlimit <> -2') ? 'shop\n' : 'shop\ngone\n');
    }
    asked.add(argv[argv.indexOf('-d') + 1]);
    return completed('0\n');
  });
  expect(await amcheck({ ...noServer, socket: '/tmp/none', programs })).toEqual([]);
  expect([...asked]).toEqual(['shop']);
});

test('what is left early ends its sessions at once', async () => {
  const { data, log, said, scratch } = await standIns();
  const elapsed = stopwatch();
  const left = scratch.running(data, log, quiet, () => Promise.reject(failure('stopped', 'a restore waits')));
  expect(isFailure(await left.catch((error: unknown) => error), 'stopped')).toBe(true);
  expect(await said('sessions')).toBe('ended\n');
  expect(elapsed()).toBeLessThan(graceSeconds);
});

test('a Postgres that ends before its target says that the target is out of reach, and else what it said', async () => {
  const missed = 'FATAL:  recovery ended before configured recovery target was reached';
  for (const [line, code] of [
    [missed, 'target-unreachable'],
    ['PANIC:  could not locate a valid checkpoint record', 'recovery-failed'],
  ]) {
    const { data, log, scratch } = await standIns({ postgres: `echo "${line}" >&2; exit 1`, pg_isready: 'exit 1' });
    const refused = await failureOf(() => scratch.running(data, log, quiet, async () => undefined));
    expect(refused.code).toBe(code);
    if (code === 'recovery-failed') expect(refused.message).toContain('could not locate a valid checkpoint record');
  }
});

test('complaints are told once, without what our own question is answered', async () => {
  const { scratch: folder } = temporaryFolders();
  const log = join(folder, 'log');
  const lines = [
    'LOG:  starting',
    'FATAL:  the database system is starting up',
    '2026-11-24 15:03:12.123 P00   WARN: a file is damaged',
    '2026-11-24 15:03:13.456 P00   WARN: a file is damaged',
    '    [FileReadError] unable to read',
  ];
  await writeFile(log, lines.map((line) => `${line}\n`).join(''));
  const server: Server = { ...noServer, log };
  expect(await complaints(server)).toEqual(['WARN: a file is damaged', '    [FileReadError] unable to read']);
});

test("a table whose rows can't be read is told as such, also where its name has a tab", async () => {
  const programs = fakePrograms(async () => completed('public.a\t-\npublic.b\tc\t7\n'));
  const counted = await rows({ ...noServer, socket: '/tmp/none', programs }, 'shop', { damaged: true });
  expect(counted).toEqual({ 'public.a': null, 'public.b\tc': 7 });
});

test('the programs of an older version come first, and its folder is named for it', async () => {
  const { scratch: programs, members } = temporaryFolders();
  await mkdir(join(programs, '17', 'bin'), { recursive: true });
  keepPath();
  const older = await ofVersion(told({ version: 18 }), 17, programs);
  expect(process.env['PATH']).toMatch(new RegExp(`^${programs}/17/bin:`));
  expect(restoredFolder(join(members, 'one'), older.version)).toBe(join(members, 'one', '17.restored'));
});

test('the present version stays as it is, and one that is not here is refused', async () => {
  const { scratch: programs } = temporaryFolders();
  keepPath();
  const path = process.env['PATH'];
  const present = told({ version: 18 });
  expect(await ofVersion(present, undefined, programs)).toBe(present);
  expect((await failureOf(() => ofVersion(present, 16, programs))).code).toBe('version-unknown');
  expect(process.env['PATH']).toBe(path);
});
