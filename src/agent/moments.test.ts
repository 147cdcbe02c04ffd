import { expect, test } from 'vitest';
import { momentText, parseMoment } from './moments.ts';

test.each([
  ['2026-11-24T03:05:00Z', '2026-11-24T03:05:00.000Z'],
  // Postgres.
  ['2026-11-24 03:05:00.123456+00', '2026-11-24T03:05:00.123Z'],
  ['2026-11-24 05:05:00+02:00', '2026-11-24T03:05:00.000Z'],
  // restic.
  ['2026-11-24T03:05:00.123456789+01:00', '2026-11-24T02:05:00.123Z'],
  ['2026-11-24', '2026-11-24T00:00:00.000Z'],
  ['2026-11-24 03:05', '2026-11-24T03:05:00.000Z'],
])('%s', (written, moment) => {
  expect(parseMoment(written).toISOString()).toBe(moment);
});

test.each(['', 'now', '2026-13-01', '24.11.2026', '2026-11-24T25:00:00Z'])("'%s' is none", (written) => {
  expect(() => parseMoment(written)).toThrow('is no point in time');
});

test('whole seconds leave the agent', () => {
  expect(momentText(new Date('2026-11-24T03:05:00.999Z'))).toBe('2026-11-24T03:05:00Z');
});
