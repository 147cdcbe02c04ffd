import { beforeEach, describe, expect, test } from 'vitest';
import type { OperatorError } from '../../../errors.ts';
import { failure } from '../../failure.ts';
import { afterSeconds, momentText } from '../../moments.ts';
import { local, quiet, s3, testAgent } from '../testing.ts';
import type { Message } from './restic.ts';
import { chooseSnapshot, incompleteTag, type Choice } from './snapshots.ts';
import { askedOf, fakeRestic, listedSnapshot } from './testing.ts';

const noon = new Date('2026-11-24T12:00:00Z');
const daysAfter = (days: number): Date => afterSeconds(noon, days * 86_400);
const snapshot = (id: string, at: Date, tags: string[] = []): Message =>
  listedSnapshot({ id, at, name: 'uploads', tags });
const lacking = [incompleteTag];

/** Of the first repository and of the second. */
let listings: [Message[] | OperatorError, Message[] | OperatorError];
beforeEach(() => void (listings = [[], []]));

async function choose(choice: Choice, progress: (text: string) => void = quiet): Promise<[number, string]> {
  const { programs } = fakeRestic((_words, options) =>
    askedOf(options).startsWith('s3:') ? listings[1] : listings[0],
  );
  const agent = testAgent({ programs, told: { repositories: [local(1), s3(2)] } });
  const { repository, snapshot: found } = await chooseSnapshot(
    agent,
    { name: 'uploads', ...choice },
    'volume',
    progress,
  );
  return [repository.number, found.id];
}

describe('the snapshot that is chosen', () => {
  test('is the newest of all repositories', async () => {
    listings = [
      [snapshot('a0', daysAfter(0)), snapshot('a2', daysAfter(2))],
      [snapshot('b1', daysAfter(1)), snapshot('b3', daysAfter(3))],
    ];
    expect(await choose({})).toEqual([2, 'b3']);
    expect(await choose({ at: momentText(daysAfter(1)) })).toEqual([2, 'b1']);
    expect(await choose({ at: momentText(daysAfter(2)) })).toEqual([1, 'a2']);
    expect(await choose({ repo: 1 })).toEqual([1, 'a2']);
    expect(await choose({ snapshot: 'a0' })).toEqual([1, 'a0']);
  });

  test('of one run is the whole one, and where it lacks files the newest whole one is named', async () => {
    const said: string[] = [];
    const say = (text: string): void => void said.push(text);
    listings = [[snapshot('a', noon, lacking)], [snapshot('b', noon)]];
    expect([await choose({}, say), said]).toEqual([[2, 'b'], []]);
    listings = [
      [snapshot('a1', daysAfter(-2)), snapshot('a2', daysAfter(-1), lacking)],
      [snapshot('b1', daysAfter(-3), lacking), snapshot('b2', noon, lacking)],
    ];
    expect(await choose({ at: momentText(daysAfter(-2)) }, say)).toEqual([1, 'a1']);
    expect(await choose({}, say)).toEqual([2, 'b2']);
    expect(await choose({ repo: 2 }, say)).toEqual([2, 'b2']);
    const lacks = 'snapshot b2 of 2026-11-24T12:00:00Z lacks files that could not be read when it was taken';
    expect(said).toEqual([`${lacks}; the newest whole one is a1 of 2026-11-22T12:00:00Z`, lacks]);
  });

  test("of equal ones is the first repository's", async () => {
    listings = [[snapshot('a', noon)], [snapshot('b', noon)]];
    expect(await choose({})).toEqual([1, 'a']);
  });
});

test("those that can't be asked are told and passed over", async () => {
  listings = [failure('repository-failed', 'refused'), [snapshot('b', noon)]];
  const told: string[] = [];
  expect([await choose({}, (text) => void told.push(text)), told]).toEqual([
    [2, 'b'],
    ['repository 1 (local): refused'],
  ]);
  listings[1] = [];
  await expect(choose({})).rejects.toMatchObject({
    code: 'repository-unreachable',
    next: 'horme backup list',
    message: expect.stringContaining('repository 1 (local): refused; repository 2 (s3) has none') as string,
  });
});

test('that there is none is said when all were asked, also one that was never made', async () => {
  listings = [failure('no-repository', ''), []];
  await expect(choose({})).rejects.toMatchObject({ code: 'no-snapshot' });
});

test('a repository that there is not is named', async () => {
  await expect(choose({ repo: 3 })).rejects.toMatchObject({ code: 'no-such-repository' });
});
