import { describe, expect, test } from 'vitest';
import { jump, systemClock, type Reading } from './clock.ts';
import { afterSeconds } from './moments.ts';

const now: Reading = { wall: new Date('2026-11-24T12:00:00Z'), steady: 5000, boot: 'boot-1' };
const [minute, hour, day] = [60, 3600, 86_400];

const later = (seconds: number, wallSeconds = seconds, boot = 'boot-1'): Reading => ({
  wall: afterSeconds(now.wall, wallSeconds),
  steady: now.steady + seconds,
  boot,
});
const newest = (seconds: number) => ({ what: 'the newest backup', at: afterSeconds(now.wall, seconds) });

describe('a jump of the clock', () => {
  test('a clock that goes is none', () => {
    expect(jump(now, later(5), newest(0))).toBeUndefined();
    expect(jump(now, later(5, 9 * minute), newest(0))).toBeUndefined();
    expect(jump(undefined, now, undefined)).toBeUndefined();
  });

  test.each([
    [11 * minute, 'the clock jumped by 10 min 55 s'],
    [1000 * day, 'the clock jumped by 999 d 23 h 59 min 55 s'],
    [-11 * minute, 'the clock jumped by -11 min 5 s'],
  ])('by %i s, ahead and back', (moved, said) => {
    expect(jump(now, later(5, moved), undefined)).toBe(said);
  });

  test('a backup from the future', () => {
    expect(jump(undefined, now, newest(hour))).toBe(
      'the clock says 2026-11-24T12:00:00Z, but the newest backup ended at 2026-11-24T13:00:00Z',
    );
  });

  test('between two boots a day is believed, and a year is not', () => {
    expect(jump(now, later(-4000, 20 * hour, 'boot-2'), undefined)).toBeUndefined();
    expect(jump(now, later(-4000, 365 * day, 'boot-2'), undefined)).toContain('nobody measured');
  });
});

test('the system clock goes by the second, and names its boot', async () => {
  const before = { read: systemClock.read(), awake: systemClock.awake() };
  await new Promise((resolve) => setTimeout(resolve, 50));
  const after = { read: systemClock.read(), awake: systemClock.awake() };
  for (const kind of ['read', 'awake'] as const) {
    const steady = after[kind].steady - before[kind].steady;
    expect(steady).toBeGreaterThan(0.02);
    expect(steady).toBeLessThan(5);
    expect(after[kind].boot).toBe(before[kind].boot);
  }
});
