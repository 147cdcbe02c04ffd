import { expect, test } from 'vitest';
import { failure } from '../../failure.ts';
import type { Restored } from '../contract.ts';
import { local, s3 } from '../testing.ts';
import type { Recovery } from './recover.ts';
import { restoreFromAny } from './restore.ts';
import type { Holding } from './reach.ts';
import type { Request } from './target.ts';
import { failureOf, holdingOf, latest, minute, testWorld, toMinute } from './testing.ts';
import { nameOf, type Segment } from './wal.ts';
import type { Archive } from './windows.ts';

/** Repositories, counted from 1: each has what is found in it, or can't be asked. */
class Stage {
  asked: number[] = [];
  said: string[] = [];
  newest: (Segment | undefined)[] = [];

  /** The repository and the backup that are restored from. */
  async restored(request: Request, found: (Holding | Error)[], failing: number[] = []): Promise<[number, string]> {
    Object.assign(this, { asked: [], said: [], newest: [] });
    const world = testWorld({
      told: { repositories: found.map((_, index) => (index === 0 ? local(1) : s3(index + 1))) },
      repositories: {
        history: async (number) => {
          this.asked.push(number);
          return holding(found, number).history;
        },
        listing: async (number) => listingOf(holding(found, number).archive),
      },
    });
    const recoverBy = async (_world: unknown, { holding: from, backup, newest }: Recovery): Promise<Restored> => {
      const { number } = from.repository;
      this.newest.push(newest && { timeline: newest.timeline, position: newest.position });
      if (failing.includes(number)) throw failure('restored-damaged', 'damaged');
      return { repository: number, label: backup.label } as Restored;
    };
    const say = (text: string) => this.said.push(text);
    const { repository, label } = await restoreFromAny(world, request, '/members/first', say, recoverBy);
    return [repository, label];
  }

  refused(request: Request, found: (Holding | Error)[], failing: number[] = []) {
    return failureOf(() => this.restored(request, found, failing));
  }
}

function holding(found: (Holding | Error)[], number: number): Holding {
  const one = found[number - 1];
  if (one instanceof Error || one === undefined) throw one ?? new Error(`there is no repository ${number}`);
  return one;
}

const listingOf = (archive: Archive): Map<string, number> =>
  new Map(archive.map((one) => [`17-1/${nameOf(one).slice(0, 16)}/${nameOf(one)}-${'0'.repeat(40)}.zst`, one.at]));

const stage = new Stage();
const wal = [1, 2, 3, 4, 5];
const away = failure('deadline', 'it hangs');

test('the latest is that of the repository whose archive reaches furthest', async () => {
  const found = [holdingOf(1, [1, 5], wal), holdingOf(2, [1], [...wal, 6])];
  expect(await stage.restored(latest, found)).toEqual([2, 'backup-1']);
  expect(stage.newest).toEqual([{ timeline: 1, position: 6 }]);
});

test('of two that reach as far it is the one with the newest backup, and then the local one', async () => {
  expect(await stage.restored(latest, [holdingOf(1, [1], wal), holdingOf(2, [1, 5], wal)])).toEqual([2, 'backup-5']);
  expect(await stage.restored(latest, [holdingOf(1, [1], wal), holdingOf(2, [1], wal)])).toEqual([1, 'backup-1']);
});

test('what lies behind a gap is reached only from a backup behind it', async () => {
  const [gap, whole] = [
    [1, 2, 4, 5, 6],
    [1, 2, 3, 4],
  ];
  expect(await stage.restored(latest, [holdingOf(1, [1], gap), holdingOf(2, [1], whole)])).toEqual([2, 'backup-1']);
  // What the other one has behind its gap is still what there is, and is missed.
  expect(stage.newest).toEqual([{ timeline: 1, position: 6 }]);
  expect(await stage.restored(latest, [holdingOf(1, [1, 4], gap), holdingOf(2, [1], whole)])).toEqual([1, 'backup-4']);
});

test("a repository that can't be asked is said and passed over", async () => {
  expect(await stage.restored(latest, [away, holdingOf(2, [1], [1])])).toEqual([2, 'backup-1']);
  expect(stage.said).toEqual(['repository 1 (local): it hangs']);
  expect((await stage.refused(latest, [away, away])).message).toBe('it hangs');
  expect((await stage.refused(latest, [holdingOf(1, [], []), away])).code).toBe('target-unreachable');
});

test('a repository whose restore fails is followed by the next', async () => {
  const found = [holdingOf(1, [1], [1]), holdingOf(2, [1], [1, 2])];
  expect(await stage.restored(latest, found, [2])).toEqual([1, 'backup-1']);
  expect(stage.said).toEqual(['repository 2 (s3): damaged']);
});

test("damage, which can be accepted, is told before what can't be reached", async () => {
  const found = [holdingOf(1, [1], [1, 2]), holdingOf(2, [2], [2])];
  expect((await stage.refused(toMinute(1.5), found, [1])).code).toBe('restored-damaged');
});

test('a stop ends it', async () => {
  const stopped = failure('stopped', 'the agent stops');
  expect((await stage.refused(latest, [stopped, holdingOf(2, [1], [1])])).code).toBe('stopped');
  expect(stage.asked).toEqual([1]);
});

test('a time is reached from the first repository that holds it, and the others are not asked', async () => {
  const found = [holdingOf(1, [1, 3, 4], wal), holdingOf(2, [1, 2], wal)];
  expect(await stage.restored(toMinute(3.5), found)).toEqual([1, 'backup-3']);
  expect([stage.asked, stage.newest]).toEqual([[1], [undefined]]);
});

test('a repository whose archive ends before the time is passed over', async () => {
  const found = [holdingOf(1, [1], [1, 2, 3]), holdingOf(2, [1], [1, 2, 3, 4])];
  expect(await stage.restored(toMinute(3.5), found)).toEqual([2, 'backup-1']);
  expect(stage.said[0]).toMatch(
    /^repository 1 \(local\): .* is after the WAL of .* in it, whose newest arrived at 2026-/,
  );
  // Within the second of its arrival it may be in it.
  expect(await stage.restored(toMinute(3 + 0.9 / minute), found)).toEqual([1, 'backup-1']);
  expect((await stage.refused(toMinute(9), found)).code).toBe('target-unreachable');
});

test('a repository with a gap at the time is passed over', async () => {
  const [gap, whole] = [holdingOf(1, [1, 8], [1, 2, 3, 6, 7, 8, 9]), holdingOf(2, [1], [1, 2, 3, 4, 5, 6, 7, 8, 9])];
  expect(await stage.restored(toMinute(5.5), [gap, whole])).toEqual([2, 'backup-1']);
  expect(stage.said[0]).toContain('is in a gap of the WAL of');
  expect(await stage.restored(toMinute(1.5), [gap, whole])).toEqual([1, 'backup-1']);
  expect((await stage.refused(toMinute(5.5), [gap])).code).toBe('target-unreachable');
});

test('a repository whose oldest backup is younger is passed over', async () => {
  const found = [holdingOf(1, [3], wal), holdingOf(2, [1], wal)];
  expect(await stage.restored(toMinute(2.5), found)).toEqual([2, 'backup-1']);
  expect((await stage.refused(toMinute(0.5), found)).code).toBe('target-unreachable');
});
