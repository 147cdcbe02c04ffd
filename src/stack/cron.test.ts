import { expect, test } from 'vitest';
import { isSchedule } from './cron.ts';

test.each(['0 3 * * *', '*/5 * * * *', '30 4 1-7,15 * 0', '0 0 29 2 7', '5-50/15 8-18 * 1,6 1-5'])('%s', (text) => {
  expect(isSchedule(text)).toBe(true);
});

test.each([
  '',
  '0 3 * *',
  '0 3 * * * *',
  '60 3 * * *',
  '0 24 * * *',
  '0 3 0 * *',
  '* * * * mon',
  '@daily',
  '5-1 * * * *',
  '*/0 * * * *',
])('not %s', (text) => {
  expect(isSchedule(text)).toBe(false);
});
