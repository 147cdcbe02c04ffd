import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { momentText, secondsBetween } from './moments.ts';

/** Largest difference between the wall clock and the steady one that counts as no jump, in seconds. */
const jumpSeconds = 10 * 60;
/** Across a restart of the machine, a difference up to this counts as downtime and a larger one as a jump. In seconds. */
const unmeasuredSeconds = 24 * 3600;

/** Seconds of `steady` count from `boot` on; between two boots only the wall clock can be compared. */
export interface Reading {
  wall: Date;
  steady: number;
  boot: string;
}

export interface Clock {
  now(): Date;
  /** `steady` counts suspends too. */
  read(): Reading;
  /** `steady` leaves suspends out: it tells how long something had time to work. Not comparable with a reading of `read`. */
  awake(): Reading;
}

const bootIdFile = '/proc/sys/kernel/random/boot_id';
const bootId = (): string => readFileSync(bootIdFile, 'utf8').trim();

export const systemClock: Clock = {
  now: () => new Date(),
  // /proc/uptime, which libuv reads, is CLOCK_BOOTTIME.
  read: () => ({ wall: new Date(), steady: uptime(), boot: bootId() }),
  // CLOCK_MONOTONIC, the same for all processes of the machine.
  awake: () => ({ wall: new Date(), steady: Number(process.hrtime.bigint()) / 1e9, boot: bootId() }),
};

/** By how many seconds the wall clock jumped between two readings; 0 when it did not jump. */
export function jumpedBy(before: Reading | undefined, now: Reading): number {
  if (before === undefined) return 0;
  const moved = secondsBetween(before.wall, now.wall);
  const sameBoot = before.boot === now.boot;
  const wrong = sameBoot ? moved - (now.steady - before.steady) : moved;
  return Math.abs(wrong) > (sameBoot ? jumpSeconds : unmeasuredSeconds) ? wrong : 0;
}

/** What is wrong with the clock, in words. `newest` is a moment that is known to have passed, such as the end of a backup. */
export function jump(
  before: Reading | undefined,
  now: Reading,
  newest: { what: string; at: Date } | undefined,
): string | undefined {
  if (newest && secondsBetween(now.wall, newest.at) > jumpSeconds) {
    return `the clock says ${momentText(now.wall)}, but ${newest.what} ended at ${momentText(newest.at)}`;
  }
  const wrong = jumpedBy(before, now);
  if (before === undefined || wrong === 0) return undefined;
  const said = spoken(wrong);
  return before.boot === now.boot
    ? `the clock jumped by ${said}`
    : `the clock moved by ${said} while nobody measured it`;
}

function spoken(seconds: number): string {
  const whole = Math.abs(Math.round(seconds));
  const parts = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ] as const;
  const told = parts.filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}`);
  return `${seconds < 0 ? '-' : ''}${told.join(' ')}`;
}
