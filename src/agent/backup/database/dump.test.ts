import { mkdirSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { completed, fakePrograms, quiet, temporaryFolders, testAgent } from '../testing.ts';
import { runDump } from './dump.ts';
import { markOf } from './mark.ts';
import { failureOf } from './testing.ts';

/** A member with restored data, and a Postgres that is up at once. */
function stage(dumped = completed()) {
  const folders = temporaryFolders();
  const member = join(folders.members, 'horme-postgres-1');
  mkdirSync(join(member, '17.restored'), { recursive: true });
  const programs = fakePrograms(async (argv) => {
    if (argv[0] !== 'pg_dump') return completed();
    writeFileSync(argv[argv.indexOf('-f') + 1] ?? '', 'dump');
    return dumped;
  });
  const { start } = programs;
  programs.start = (_argv, options) => start.call(programs, ['sleep', '60'], options);
  const agent = testAgent({ folders, programs, told: { role: 'database' } });
  return { member, dump: () => runDump(agent, { member: 'horme-postgres-1' }, quiet) };
}

test('what was restored is dumped into its volume, and then deleted', async () => {
  const { member, dump } = stage();
  writeFileSync(markOf(member), '{}');
  expect(await dump()).toEqual({ file: '17.restored.dump', bytes: 4 });
  expect(await readdir(member)).toEqual(['17.restored.dump']);
});

test('data whose restore did not end is not dumped, and a dump that fails keeps the data', async () => {
  const failing = stage(completed('', 1, 'out of memory'));
  expect((await failureOf(failing.dump)).code).toBe('nothing-restored');
  writeFileSync(markOf(failing.member), '{}');
  expect((await failureOf(failing.dump)).message).toBe('out of memory');
  expect(await readdir(failing.member)).toEqual(expect.arrayContaining(['17.restored', '.horme-restored.json']));
});
