import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { quiet, temporaryFolders, told } from '../testing.ts';
import { markOf } from './mark.ts';
import { runSwap } from './swap.ts';
import { failureOf } from './testing.ts';

/** Two members with data; the first has restored data too. */
function stage() {
  const folders = temporaryFolders();
  const [first, second] = ['one', 'two'].map((name) => join(folders.members, name)) as [string, string];
  for (const member of [first, second]) put(member, '17', 'former');
  put(first, '17.restored', 'restored');
  writeFileSync(markOf(first), '{}');
  const swap = (stamp: string) => runSwap({ told: told(), folders }, { members: 'one,two', stamp }, quiet);
  return { first, second, swap };
}

function put(member: string, folder: string, content: string): void {
  mkdirSync(join(member, folder), { recursive: true });
  writeFileSync(join(member, folder, 'content'), content);
}

const contentOf = (...path: string[]): string => readFileSync(join(...path, 'content'), 'utf8');

test('restored data is taken into use, and what was there is set aside in all members', async () => {
  const { first, second, swap } = stage();
  expect(await swap('s1')).toEqual({
    folder: join(first, '17'),
    former: [join(first, '17.former-s1'), join(second, '17.former-s1')],
  });
  expect(contentOf(first, '17')).toBe('restored');
  expect([contentOf(first, '17.former-s1'), contentOf(second, '17.former-s1')]).toEqual(['former', 'former']);
  expect(readdirSync(second)).toEqual(['17.former-s1']);
  expect(readdirSync(first).sort()).toEqual(['.horme-swap-s1', '17', '17.former-s1']);
});

test('repeated, it ends the same and leaves alone what a replica has made since', async () => {
  const { first, second, swap } = stage();
  await swap('s1');
  put(second, '17', 'of a replica');
  await swap('s1');
  expect([contentOf(first, '17'), contentOf(second, '17')]).toEqual(['restored', 'of a replica']);
});

test('killed before the first member was renamed, it goes on where it was', async () => {
  const { first, second, swap } = stage();
  writeFileSync(join(first, '.horme-swap-s1'), '{"done": false}');
  await swap('s1');
  expect([contentOf(first, '17'), contentOf(second, '17.former-s1')]).toEqual(['restored', 'former']);
});

test('killed between the two renames of the first member, it goes on where it was', async () => {
  const { first, swap } = stage();
  writeFileSync(join(first, '.horme-swap-s1'), '{"done": false}');
  put(first, '17.former-s1', 'former');
  rmSync(join(first, '17'), { recursive: true });
  await swap('s1');
  expect([contentOf(first, '17'), contentOf(first, '17.former-s1')]).toEqual(['restored', 'former']);
});

test('the journal of a swap that was cut short goes with the next one', async () => {
  const { first, swap } = stage();
  writeFileSync(join(first, '.horme-swap-s0'), '{"done": false}');
  await swap('s1');
  expect(readdirSync(first).filter((name) => name.startsWith('.horme-swap-'))).toEqual(['.horme-swap-s1']);
});

test('without completely restored data, a mounted member or a sound stamp nothing is touched', async () => {
  const { first, swap } = stage();
  expect((await failureOf(() => swap('../x'))).code).toBe('usage');
  rmSync(markOf(first));
  expect((await failureOf(() => swap('s1'))).code).toBe('nothing-restored');
  const folders = temporaryFolders();
  const elsewhere = runSwap({ told: told(), folders }, { members: '..', stamp: 's1' }, quiet);
  expect((await failureOf(() => elsewhere)).code).toBe('no-such-member');
  expect(contentOf(first, '17')).toBe('former');
});
