import { describe, expect, test } from 'vitest';
import { afterSeconds, momentText } from '../moments.ts';
import { neverTried, type Tried } from '../worker.ts';
import { dueBackup, dueDrill, mendedSlots, retrySeconds, stateIsDue, type Due } from './due.ts';
import type { KnownRepository, Status } from './known.ts';

const noon = new Date('2026-11-24T12:00:00Z');
const slot = new Date('2026-11-24T03:00:00Z');
const [minute, hour, day] = [60, 3600, 86_400];
const held = { backupsHeldUntil: { boot: 'boot-1', steadySeconds: 3600 } };

const tried = (failures: number, secondsAgo: number): Tried => ({ failures, secondsAgo });

const backedUp = (at: Date, fields: Partial<KnownRepository> = {}): Partial<KnownRepository> => ({
  kind: 'local',
  lastBackupAt: momentText(at),
  lastError: null,
  ...fields,
});

const failed = (message: string, at: Date): Partial<KnownRepository> => ({
  lastError: message,
  lastFailureAt: momentText(at),
});

function status(
  at: Date,
  lastSlot?: Date,
  second?: Partial<KnownRepository>,
): Status & Required<Pick<Status, 'repositories'>> {
  return {
    repositories: { 1: backedUp(at), ...(second && { 2: second }) },
    ...(lastSlot && { lastSlot: momentText(lastSlot) }),
  };
}

interface Given {
  tried?: Tried;
  numbers?: number[];
  sources?: string[];
}

const backup = (
  known: Status,
  now: Date,
  { tried: past = neverTried, numbers = [1], sources }: Given = {},
): Due | undefined =>
  dueBackup({ schedule: '0 3 * * *', known, numbers, now, tried: past, ...(sources && { sources }) });

describe('a backup', () => {
  test('is due at once at the first start', () => {
    expect(backup({}, noon, { numbers: [1, 2] })?.repositories).toEqual([1, 2]);
  });

  test('waits for the next slot after the first one', () => {
    const known = status(noon);
    expect(backup(known, afterSeconds(noon, 14 * hour))).toBeUndefined();
    expect(backup(known, afterSeconds(noon, 16 * hour))?.slot).toEqual(afterSeconds(slot, day));
  });

  test('is caught up once for many missed runs', () => {
    const old = afterSeconds(slot, -9 * day);
    const found = backup(status(old, old), noon);
    expect(found?.slot).toEqual(slot);
    expect(backup(status(noon, found?.slot), noon)).toBeUndefined();
  });

  test('is not taken twice where the clock was set back', () => {
    const known = status(afterSeconds(slot, 5 * minute), slot);
    for (const back of [10 * hour, 400 * day]) {
      expect(backup(known, afterSeconds(noon, -back), { tried: tried(0, 3600) })).toBeUndefined();
    }
  });

  test('is not begun by a clock that has just jumped ahead', () => {
    const old = afterSeconds(slot, -9 * day);
    for (const known of [{}, status(old, old)]) {
      expect(backup(known, noon)).toBeDefined();
      expect(backup({ ...known, ...held }, noon)).toBeUndefined();
    }
  });

  test('goes on the next night where a slot years ahead is set back', () => {
    const ahead = afterSeconds(slot, 1500 * day);
    const known: Status = { ...status(ahead, ahead), lastDrillSlot: momentText(ahead) };
    expect(backup(known, noon)).toBeUndefined();
    Object.assign(known, mendedSlots(known, noon));
    expect(backup(known, noon)).toBeUndefined();
    expect(backup(known, afterSeconds(noon, day))?.slot).toEqual(afterSeconds(slot, day));
    expect(mendedSlots(known, noon)).toEqual({});
  });

  test('of a new repository is its first, and the others get none', () => {
    expect(backup(status(slot, slot), noon, { numbers: [1, 2] })?.repositories).toEqual([2]);
  });

  test.each([
    [['kind=state'], undefined],
    [['kind=state', 'kind=cache'], [1]],
    [['kind=volume,name=new'], [1, 2]],
  ])('of sources that a deploy added does not wait for the schedule: %j', (sources, lacking) => {
    const had = ['kind=state', 'kind=volume,name=uploads'];
    const known = status(slot, slot, backedUp(slot, { sources: [...had, 'kind=cache'] }));
    known.repositories[1] = backedUp(slot, { sources: had });
    expect(backup(known, noon, { numbers: [1, 2], sources })?.repositories).toEqual(lacking);
  });

  test('of an added source that fails is tried again as late as all that fails', () => {
    const sources = ['kind=volume,name=new'];
    const known = status(slot, slot);
    known.repositories[1] = backedUp(slot, { ...failed('volume new is not there', noon), sources: [] });
    for (const past of [tried(1, 299), tried(3, 1199)]) {
      expect(backup(known, noon, { tried: past, sources })).toBeUndefined();
    }
    expect(backup(status(slot, slot), noon, { tried: tried(0, 299), sources })).toBeUndefined();
  });

  test('that fails is tried again later and later, and at least hourly', () => {
    const waits = [1, 2, 3, 4, 5, 6, 10_000].map((count) => retrySeconds(count) / minute);
    expect(waits).toEqual([5, 10, 20, 40, 60, 60, 60]);
    expect(backup({}, noon, { tried: tried(2, 599) })).toBeUndefined();
    expect(backup({}, noon, { tried: tried(2, 601) })).toBeDefined();
  });

  test('is tried again in the repository alone that failed', () => {
    const known = status(slot, slot, { kind: 's3', ...failed('refused', noon) });
    expect(backup(known, noon, { tried: tried(1, 301), numbers: [1, 2] })?.repositories).toEqual([2]);
  });

  test('of the next slot is for all, although one still fails', () => {
    const known = status(slot, slot, { kind: 's3', ...failed('refused', noon) });
    const found = backup(known, afterSeconds(noon, day), { tried: tried(9, 3601), numbers: [1, 2] });
    expect(found?.repositories).toEqual([1, 2]);
  });

  test('of a damaged database is not repeated without end', () => {
    const known = status(slot, slot);
    known.repositories[1] = backedUp(slot, failed('pages are damaged', afterSeconds(slot, -day)));
    expect(backup(known, noon)).toBeUndefined();
  });

  test('that left no trace does not follow upon itself', () => {
    expect(backup({}, noon, { tried: tried(0, 10) })).toBeUndefined();
  });

  test('is wanted at once by a gap', () => {
    const known = status(slot, slot);
    known.repositories[1] = backedUp(slot, { backupWanted: 'WAL is missing' });
    expect(backup(known, noon, { tried: tried(0, 1) })?.reason).toBe('WAL is missing');
    expect(backup(known, noon, { tried: tried(1, 1) })).toBeUndefined();
  });

  test('is not wanted in one repository by a gap in another', () => {
    const known = status(slot, slot, backedUp(slot, { backupWanted: 'WAL is missing' }));
    expect(backup(known, noon, { numbers: [1, 2] })?.repositories).toEqual([2]);
  });
});

describe('a drill', () => {
  const drill = (known: Status, now: Date): Due | undefined => dueDrill('30 4 * * *', known, now, neverTried);

  test('proves nothing before there is a backup', () => {
    expect(drill({}, noon)).toBeUndefined();
  });

  test('is in the first slot after the first backup', () => {
    expect(drill(status(noon), afterSeconds(noon, hour))).toBeUndefined();
    expect(drill(status(noon), afterSeconds(noon, 17 * hour))).toBeDefined();
  });

  test('lets a backup go first that covers a gap and waits for the clock, and not one that failed', () => {
    const at = afterSeconds(slot, 2 * hour);
    const known = status(slot, slot);
    expect(drill({ ...known, ...held }, at)).toBeDefined();
    known.repositories[1] = backedUp(slot, { backupWanted: 'WAL is missing', ...failed('away', at) });
    expect(drill(known, at)).toBeDefined();
    expect(drill({ ...known, ...held }, at)).toBeUndefined();
  });

  test('is once a slot', () => {
    expect(drill({ ...status(slot, slot), lastDrillSlot: '2026-11-24T04:30:00Z' }, noon)).toBeUndefined();
  });
});

describe("the project's state", () => {
  test('is due at once when it changed, and a failure is waited for', () => {
    expect(stateIsDue({}, '1', neverTried)).toBe(true);
    expect(stateIsDue({ stateSeen: '1' }, '1', neverTried)).toBe(false);
    expect(stateIsDue({ stateSeen: '1' }, '2', tried(0, 1))).toBe(true);
    expect(stateIsDue({ stateSeen: '1' }, '2', tried(1, 1))).toBe(false);
    expect(stateIsDue({}, undefined, neverTried)).toBe(false);
  });

  test('is not backed up by a clock that has just jumped ahead', () => {
    expect(stateIsDue(held, '1', neverTried)).toBe(false);
  });
});
