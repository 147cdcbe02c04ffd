import { expect, test } from 'vitest';
import { hardlyAnswers, patienceOf, worse } from './worse.ts';

const before = { ended: 1000, failing: 10, inFlightSeconds: 50 };
const now = (own: object) => ({ ended: 100, failing: 0, inFlightSeconds: 5, waiting: 0, patienceSeconds: 5, ...own });

test('as before is not worse', () => {
  expect(worse(before, now({ failing: 4 }))).toBeUndefined();
  expect(worse({ ...before, failing: 500 }, now({ failing: 52 }))).toBeUndefined();
});

test('a greater share of failing answers is, and requests that nobody answers count', () => {
  expect(worse(before, now({ failing: 20 }))).toBe('20 of 100 requests failed (20.0 %; 1.0 % before)');
  expect(worse(before, now({ waiting: 25 }))).toBe(
    '25 of 125 requests failed, 25 of them without an answer for 5 s (20.0 %; 1.0 % before)',
  );
});

test('where nothing was counted before, half of the requests must fail', () => {
  expect(worse({ ended: 0, failing: 0, inFlightSeconds: 0 }, now({ ended: 9, failing: 5 }))).toContain('5 of 9');
  expect(worse({ ended: 0, failing: 0, inFlightSeconds: 0 }, now({ ended: 11, failing: 5 }))).toBeUndefined();
  expect(worse({ ended: 0, failing: 0, inFlightSeconds: 0 }, now({ ended: 4, failing: 4 }))).toBeUndefined();
});

test('answers that take much longer are worse; a cold cache is not', () => {
  expect(worse(before, now({ inFlightSeconds: 60 }))).toBe('answers take 600 ms; 50 ms before');
  expect(worse(before, now({ inFlightSeconds: 30 }))).toBeUndefined();
});

test('who waits long for its usual requests is waited for longer', () => {
  expect(patienceOf(before)).toBe(5);
  expect(patienceOf({ ended: 10, failing: 0, inFlightSeconds: 250 })).toBe(125);
});

test('a replica that leaves two of seven requests unanswered has not proven itself', () => {
  expect(hardlyAnswers(now({ ended: 5, waiting: 2 }))).toContain('2 of 7 requests failed');
  expect(hardlyAnswers(now({ ended: 5, waiting: 1 }))).toBeUndefined();
  expect(hardlyAnswers(now({ ended: 50, waiting: 5 }))).toBeUndefined();
});
