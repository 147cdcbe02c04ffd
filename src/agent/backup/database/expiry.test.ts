import { expect, test } from 'vitest';
import { failure } from '../../failure.ts';
import { quiet } from '../testing.ts';
import { daySeconds, expire, isPast } from './expiry.ts';
import { backupOf, began, failureOf, historyOf, testWorld } from './testing.ts';

function past(newestDaysAgo: number | undefined, beganDaysAgo: number | undefined): boolean {
  const ago = (days: number | undefined) => (days === undefined ? undefined : began - days * daySeconds);
  return isPast({ newest: ago(newestDaysAgo), began: ago(beganDaysAgo), now: began }, 30);
}

test('a former history goes when it ended, and the present one began, longer ago than is kept', () => {
  expect(past(40, 30.1)).toBe(true);
  expect(past(30.1, 40)).toBe(true);
});

test('what was recovered from stays, however old it is, until the present one reaches as far back', () => {
  expect(past(400, 0)).toBe(false);
  expect(past(400, 29.9)).toBe(false);
});

test('a history that was at work lately stays', () => {
  expect(past(29.9, 400)).toBe(false);
});

test('without a good backup of the present history, or a trace of the former one, nothing goes', () => {
  expect(past(400, undefined)).toBe(false);
  expect(past(undefined, 400)).toBe(false);
});

test("a history that can't be read is told once the others are expired", async () => {
  const expired: unknown[] = [];
  const newest = backupOf(1);
  const world = testWorld({
    repositories: {
      info: async () => ({
        known: [historyOf([newest])],
        unreadable: new Map([['former', failure('repository-unreachable', "history former can't be read")]]),
      }),
      call: async (command, _options, { stanza }) => {
        expired.push([command, stanza]);
        return '';
      },
    },
  });
  const { message } = await failureOf(() => expire(world, historyOf([]).name, 1, newest, quiet));
  expect(message).toContain('history former');
  expect(expired).toEqual([['expire', historyOf([]).name]]);
});

test('a former history that is past is deleted, and pgBackRest may work on its name again after that', async () => {
  const calls: string[] = [];
  const former = { ...historyOf([{ ...backupOf(1), ended: began - 80 * daySeconds }]), name: 'former' };
  const present = historyOf([{ ...backupOf(1), ended: began - 40 * daySeconds }]);
  const world = testWorld({
    repositories: {
      info: async () => ({ known: [present, former], unreadable: new Map() }),
      listing: async () => new Map(),
      call: async (command, _options, { stanza }) => {
        calls.push(`${command} ${stanza}`);
        if (command === 'stanza-delete') throw failure('pgbackrest-failed', 'refused');
        return '';
      },
    },
    clock: { now: () => new Date(began * 1000), read: () => reading, awake: () => reading },
  });
  const reading = { wall: new Date(began * 1000), steady: 1, boot: 'boot-1' };
  await failureOf(() => expire(world, present.name, 1, backupOf(1), quiet));
  expect(calls).toEqual([`expire ${present.name}`, 'stop former', 'stanza-delete former', 'start former']);
});

test('nothing is expired while pages are damaged, or after the clock jumped', async () => {
  const said: string[] = [];
  const world = testWorld();
  await expire(world, 'present', 1, { ...backupOf(1), error: true }, (text) => said.push(text));
  await world.status.update((known) => void (known.expiryHeldUntil = { boot: 'boot-1', steadySeconds: 1 }));
  await expire(world, 'present', 1, backupOf(1), (text) => said.push(text));
  expect(said).toEqual([
    'repository 1: nothing is expired, the newest backup has damaged pages',
    'repository 1: nothing is expired, the clock jumped',
  ]);
});
