import { mkdirSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import type { OperatorError } from '../../../errors.ts';
import type { Clock } from '../../clock.ts';
import { failure } from '../../failure.ts';
import { afterSeconds, momentText } from '../../moments.ts';
import type { Agent } from '../agent.ts';
import type { Folders } from '../folders.ts';
import { clockAt, local, quiet, s3, temporaryFolders, testAgent } from '../testing.ts';
import { backUpFiles } from './backup.ts';
import type { Message } from './restic.ts';
import { incompleteTag } from './snapshots.ts';
import { volumeFolder } from './sources.ts';
import { askedOf, fakeRestic, listedSnapshot } from './testing.ts';

const noon = new Date('2026-11-24T12:00:00Z');
const daysBefore = (days: number): Date => afterSeconds(noon, -days * 86_400);
const lacking = [incompleteTag];

let folders: Folders;
/** What the first repository lists. */
let listing: Message[];
/** By restic's command. */
let failing: Record<string, OperatorError>;
/** What `restic backup` says. */
let said: Message[];
let asked: string[][];
let agent: Agent;

function begin(changes: Partial<Agent['told']> = {}, clock: Clock = clockAt(noon)): void {
  const restic = fakeRestic(([command = ''], options) => {
    if (failing[command]) return failing[command];
    if (command === 'snapshots') return askedOf(options).startsWith('s3:') ? [] : listing;
    return command === 'backup' ? said : [];
  });
  asked = restic.asked;
  const told = { repositories: [local(1), s3(2)], ...changes };
  agent = testAgent({ folders, programs: restic.programs, clock, told });
}

beforeEach(() => {
  folders = temporaryFolders();
  mkdirSync(volumeFolder(folders, 'uploads'), { recursive: true });
  [listing, failing, said] = [[], {}, []];
  begin();
});

const backUp = () => backUpFiles(agent, {}, quiet);
const wordsOf = (command: string): string[][] =>
  asked.filter(([word]) => word === command).map((words) => words.slice(1));
const entry = async (number: number) => (await agent.status.read()).repositories?.[number] ?? {};

async function forgotten(): Promise<string[][]> {
  asked.length = 0;
  await backUp();
  return wordsOf('forget');
}

const snapshot = (id: string, at: Date, of: { name?: string; host?: string; tags?: string[] } = {}): Message =>
  listedSnapshot({ id, at, name: 'uploads', ...of });

describe('what is too old', () => {
  test('is forgotten once no moment needs it, and the last of what is not backed up any more stays', async () => {
    listing = [
      ...[41, 31, 29].map((day) => snapshot(`listed-${day}`, daysBefore(day))),
      ...[40, 32].map((day) => snapshot(`gone-${day}`, daysBefore(day), { name: 'gone' })),
      ...[41, 40].map((day) => snapshot(`other-${day}`, daysBefore(day), { host: 'blog-production' })),
    ];
    expect(await forgotten()).toEqual([['listed-41', 'gone-40']]);
    await agent.status.update((known) => void (known.expiryHeldUntil = { boot: 'boot-1', steadySeconds: 1e6 }));
    expect(await forgotten()).toEqual([]);
    await agent.status.update((known) => void (known.expiryHeldUntil = null));
    listing = [snapshot('listed-31', daysBefore(31)), snapshot('gone-41', daysBefore(41), { name: 'gone' })];
    expect(await forgotten()).toEqual([]);
  });

  test('is not forgotten when it is whole and what follows lacks files', async () => {
    const incomplete = [35, 34].map((day) => snapshot(`lacking-${day}`, daysBefore(day), { tags: lacking }));
    listing = [snapshot('whole-50', daysBefore(50)), snapshot('whole-40', daysBefore(40)), ...incomplete];
    expect(await forgotten()).toEqual([['whole-50', 'lacking-35']]);
    listing = incomplete;
    expect(await forgotten()).toEqual([['lacking-35']]);
  });

  test("and can't be deleted is told, and is no failed backup", async () => {
    failing = { prune: failure('repository-failed', 'access denied') };
    await backUp();
    const expireError = 'repository 2 (s3): access denied';
    const known = await entry(2);
    expect(known).toMatchObject({ lastBackupAt: momentText(noon), lastExpireError: expireError, lastError: null });
    expect(known).not.toHaveProperty('lastFailureAt');
    failing = {};
    await backUp();
    expect((await entry(2)).lastExpireError).toBeNull();
    failing = { prune: failure('stopped', 'the agent stops') };
    await agent.status.update((status) => void Object.assign(status.repositories?.[1] ?? {}, { lastPruneAt: null }));
    await expect(backUp()).rejects.toMatchObject({ code: 'stopped' });
  });
});

test('a run notes what it had, and has one time in all repositories', async () => {
  await backUp();
  for (const number of [1, 2]) expect((await entry(number)).sources).toEqual(['kind=volume,name=uploads']);
  let minutes = 0;
  begin({}, { ...clockAt(noon), now: () => afterSeconds(noon, 60 * minutes++) });
  await backUpFiles(agent, { kinds: ['volume'] }, quiet);
  const taken = wordsOf('backup').map((words) => words[words.indexOf('--time') + 1]);
  expect([taken.length, new Set(taken).size]).toEqual([2, 1]);
});

test("one that can't be marked incomplete keeps no other source from its snapshot", async () => {
  begin({ repositories: [local(1)], volumes: ['uploads', 'other'] });
  mkdirSync(volumeFolder(folders, 'other'));
  said = [{ message_type: 'error', item: 'a', error: { message: 'unreadable' } }];
  failing = { tag: failure('repository-failed', 'a restore runs') };
  const message = 'volume other: it could not be marked incomplete: repository 1 (local): a restore runs';
  await expect(backUp()).rejects.toThrow(message);
  expect(wordsOf('backup')).toHaveLength(2);
});

test('what failed is not noted', async () => {
  await backUp();
  begin({ volumes: ['uploads', 'gone'] });
  await expect(backUp()).rejects.toMatchObject({ code: 'backup-failed', next: 'horme backup now' });
  expect((await entry(1)).sources).toEqual(['kind=volume,name=uploads']);
});

test('the state alone counts as no backup', async () => {
  await backUpFiles(agent, { kinds: ['state'] }, quiet);
  expect(await agent.status.read()).not.toHaveProperty('sizes');
});
