import { describe, expect, test } from 'vitest';
import { intervalSeconds, isSchedule, lastSlot, nextSlot, parseSchedule } from './schedule.ts';

const at = (text: string): Date => new Date(`${text}Z`);
const last = (text: string, after: string, until: string): Date | undefined =>
  lastSlot(parseSchedule(text), at(after), at(until));

test.each(['0 3 * * *', '*/5 * * * *', '30 4 1-7,15 * 0', '0 0 29 2 7', '5-50/15 8-18 * 1,6 1-5', '5/20 * * * *'])(
  '%s',
  (text) => {
    expect(isSchedule(text)).toBe(true);
  },
);

test.each([
  '',
  '0 3 * *',
  '0 3 * * * *',
  '60 3 * * *',
  '60 * * * *',
  '0 24 * * *',
  '0 3 0 * *',
  '* * * * mon',
  '* * * JAN *',
  '@daily',
  '@daily x x x x',
  '5-1 * * * *',
  '1-0 * * * *',
  '*/0 * * * *',
  '? * * * *',
  '0 0 L * *',
  '0 0 * * 5#2',
])('not %s', (text) => {
  expect(isSchedule(text)).toBe(false);
  expect(() => parseSchedule(text)).toThrow(/five: minute|is no (minute|hour|day|month)/);
});

describe('the newest slot', () => {
  test('of many that were missed', () => {
    expect(last('0 3 * * *', '2026-01-01T00:00', '2026-11-24T15:00')).toEqual(at('2026-11-24T03:00'));
  });

  test('is not the moment after which it is looked for, and may be that until which', () => {
    expect(last('0 3 * * *', '2026-11-24T03:00', '2026-11-25T02:59:59')).toBeUndefined();
    expect(last('0 3 * * *', '2026-11-24T03:00', '2026-11-25T03:00')).toEqual(at('2026-11-25T03:00'));
  });

  test('is none when the clock is behind the last slot', () => {
    expect(last('0 3 * * *', '2026-11-24T03:00', '2026-11-20T00:00')).toBeUndefined();
  });

  test('by steps, lists and spans', () => {
    expect(last('*/15 8-10,20 * * *', '2026-11-24T00:00', '2026-11-24T19:00')).toEqual(at('2026-11-24T10:45'));
    expect(last('5/20 * * * *', '2026-11-24T00:00', '2026-11-24T01:44')).toEqual(at('2026-11-24T01:25'));
  });

  test.each(['0', '7', '5-7'])('sunday is in %s', (day) => {
    expect(last(`0 0 * * ${day}`, '2026-11-01T00:00', '2026-11-22T12:00')).toEqual(at('2026-11-22T00:00'));
  });

  test('either of both days counts when both are restricted', () => {
    expect(last('0 0 13 * 5', '2026-11-01T00:00', '2026-11-12T00:00')).toEqual(at('2026-11-06T00:00'));
    expect(last('0 0 13 * 5', '2026-11-01T00:00', '2026-11-14T00:00')).toEqual(at('2026-11-13T00:00'));
  });

  test('both days count when one of them begins with a star', () => {
    expect(last('0 0 */2 * 5', '2026-11-01T00:00', '2026-11-24T00:00')).toEqual(at('2026-11-13T00:00'));
  });

  test('of leap days is found, and impossible ones are not looked for for ever', () => {
    expect(last('0 0 29 2 *', '2020-03-01T00:00', '2026-11-24T00:00')).toEqual(at('2024-02-29T00:00'));
    expect(last('0 0 30 2 *', '1990-01-01T00:00', '2026-11-24T00:00')).toBeUndefined();
  });
});

describe('the interval', () => {
  const hours = (text: string, now: string): number | undefined => {
    const seconds = intervalSeconds(parseSchedule(text), at(now));
    return seconds === undefined ? undefined : seconds / 3600;
  };

  test('of each night', () => {
    expect(hours('0 3 * * *', '2026-11-24T16:00')).toBe(24);
  });

  test('at a slot, and with a part of its minute', () => {
    expect(hours('*/15 * * * *', '2026-11-24T16:00')).toBe(0.25);
    expect(hours('*/15 * * * *', '2026-11-24T16:00:59')).toBe(0.25);
  });

  test('of a weekend is long while it lasts, and until the backup after it is taken', () => {
    // 2026-11-20 is a Friday.
    for (const now of ['2026-11-21T12:00', '2026-11-22T12:00', '2026-11-23T03:05']) {
      expect(hours('0 3 * * 1-5', now)).toBe(72);
    }
    expect(hours('0 3 * * 1-5', '2026-11-24T03:05')).toBe(24);
  });

  test('of leap days is years, and what never comes has none', () => {
    expect(hours('0 0 29 2 *', '2026-11-24T00:00')).toBe(24 * (4 * 365 + 1));
    expect(hours('0 0 30 2 *', '2026-11-24T00:00')).toBeUndefined();
  });
});

/** What users of cron libraries reported: a library that does one of these wrong can't be taken. */
test.each([
  ['cron-utils#69', '0 * * * 1-5', '2016-02-29T11:00:00Z', '2016-02-29T12:00:00.000Z'],
  ['croner#54', '0 0 * * 0', '2022-02-17T00:00:00Z', '2022-02-20T00:00:00.000Z'],
  ['croner#267', '0 0 1,2 * 4', '2024-12-02T00:00:00Z', '2024-12-05T00:00:00.000Z'],
  ['croniter#55', '0 9 29 2 *', '2016-02-29T09:00:00Z', '2020-02-29T09:00:00.000Z'],
  ['effect#6285', '0 0 1,16,31 * *', '2020-02-18T00:00:00Z', '2020-03-01T00:00:00.000Z'],
  ['crontab_parser#2', '0 18 * * 3', '2016-08-31T20:01:00Z', '2016-09-07T18:00:00.000Z'],
  ['cron-parser#42', '10 2 12 8 0', '2018-08-13T00:00:00Z', '2018-08-19T02:10:00.000Z'],
  ['cron-parser#122', '0 2 29 2 0', '2018-05-14T00:00:00Z', '2019-02-03T02:00:00.000Z'],
  ['a century without a leap day', '0 0 29 2 *', '2099-01-01T00:00:00Z', '2104-02-29T00:00:00.000Z'],
])('the next slot as in %s', (_report, text, after, slot) => {
  expect(nextSlot(parseSchedule(text), new Date(after))?.toISOString()).toBe(slot);
});

test('the last slot as in croniter#203: February of a leap year has a 29th', () => {
  const found = lastSlot(parseSchedule('0 0 29 * *'), undefined, new Date('2024-03-15T00:00:00Z'));
  expect(found?.toISOString()).toBe('2024-02-29T00:00:00.000Z');
});
