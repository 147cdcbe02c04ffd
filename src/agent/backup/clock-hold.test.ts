import { describe, expect, test } from 'vitest';
import type { Reading } from '../clock.ts';
import { afterSeconds, momentText } from '../moments.ts';
import { expiryAllowed, follow, hold, noteReading } from './clock-hold.ts';
import type { Status } from './known.ts';
import { clockAt, testAgent } from './testing.ts';

const now: Reading = { wall: new Date('2026-11-24T12:00:00Z'), steady: 5000, boot: 'boot-1' };
const [hour, day] = [3600, 86_400];
const later = (seconds: number, wallSeconds = seconds, boot = 'boot-1'): Reading => ({
  wall: afterSeconds(now.wall, wallSeconds),
  steady: now.steady + seconds,
  boot,
});

describe('a hold', () => {
  test('ends after a day of steady time, whatever the wall clock says', () => {
    const known: Status = {};
    hold(known, now);
    follow(known, later(5, 5000 * day));
    expect(known.clockJumped).toBe(true);
    follow(known, later(day - 1));
    expect(known.expiryHeldUntil).toBeTruthy();
    follow(known, later(day));
    expect([known.clockJumped, known.expiryHeldUntil]).toEqual([false, null]);
  });

  test('starts anew with a boot', () => {
    const known: Status = {};
    hold(known, now);
    follow(known, { ...now, boot: 'boot-2', steady: 10 });
    expect(known.expiryHeldUntil).toEqual({ boot: 'boot-2', steadySeconds: 10 + day });
  });

  test.each([
    [true, 9 * hour],
    [false, -9 * hour],
  ])('keeps backups from beginning by themselves for an hour after a jump ahead: %s', (ahead, moved) => {
    const known: Status = {};
    noteReading(known, { before: now, now: later(5, moved), jumped: true, slots: {} });
    const held = () => [Boolean(known.backupsHeldUntil), known.clockJumped];
    expect(Boolean(known.backupsHeldUntil)).toBe(ahead);
    follow(known, later(5 + 3599, moved));
    expect(held()).toEqual([ahead, true]);
    follow(known, later(5 + 3600));
    expect(held()).toEqual([false, true]);
  });

  test('keeps no backups where the clock is only behind the newest one', () => {
    const known: Status = {};
    noteReading(known, { before: now, now: later(5, 6), jumped: true, slots: {} });
    expect(known).not.toHaveProperty('backupsHeldUntil');
  });

  test('begins where a machine comes back years later, since its clock may have jumped ahead', () => {
    const known: Status = {};
    noteReading(known, { before: now, now: later(-4000, 400 * day, 'boot-2'), jumped: true, slots: {} });
    expect(known.backupsHeldUntil).toEqual({ boot: 'boot-2', steadySeconds: 1000 + 3600 });
    follow(known, { ...now, boot: 'boot-3', steady: 10 });
    expect(known.backupsHeldUntil).toEqual({ boot: 'boot-3', steadySeconds: 10 + 3600 });
  });
});

describe('expiry', () => {
  async function allowed(known: Status, at: Reading): Promise<boolean> {
    const agent = testAgent({ clock: clockAt(at.wall, at.steady, at.boot) });
    await agent.status.update((empty) => void Object.assign(empty, known));
    return expiryAllowed(agent);
  }

  const followed = (known: Status = {}): Status => {
    follow(known, now);
    return known;
  };

  test('is allowed when nothing is odd', async () => {
    expect(await allowed(followed(), later(60))).toBe(true);
  });

  test('is not while it is held', async () => {
    const known: Status = {};
    hold(known, now);
    expect(await allowed(followed(known), later(60))).toBe(false);
  });

  test('is not when the clock jumped since the loop last looked', async () => {
    expect(await allowed(followed(), later(60, 400 * day))).toBe(false);
  });

  test('is not when the clock is behind the newest backup', async () => {
    const known = { repositories: { 1: { lastBackupAt: momentText(afterSeconds(now.wall, day)) } } };
    expect(await allowed(known, now)).toBe(false);
  });
});
