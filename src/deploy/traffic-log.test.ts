import { expect, test } from 'vitest';
import type { Counter } from '../traffic/balancers.ts';
import { TrafficLog } from './traffic-log.ts';

const counter = (name: string, own: Partial<Counter>): Counter => ({
  ...{
    place: '0 web:80/s1',
    service: 'web',
    name,
    assigned: 0,
    ended: 0,
    answered: 0,
    errors: 0,
    inFlight: 0,
    up: true,
    check: 'L4OK',
  },
  ...own,
});

test('what a place counted before a replica had it is not the replica’s', () => {
  const log = new TrafficLog();
  log.note([counter('old', { assigned: 1000, ended: 1000, answered: 1000, errors: 600 })], 0);
  log.note([counter('new', { assigned: 1010, ended: 1010, answered: 1010, errors: 601 })], 1);
  log.note([counter('new', { assigned: 1020, ended: 1018, answered: 1018, errors: 601, inFlight: 2 })], 2);
  expect(log.tally(['new'])).toMatchObject({ ended: 18, failing: 1 });
  expect(log.tally(['old'])).toMatchObject({ ended: 0, failing: 0 });
});

test('a HAProxy that was reloaded counts from nothing, and what was seen until then stays', () => {
  const log = new TrafficLog();
  log.note([counter('web-1', { assigned: 500, ended: 500, answered: 500, errors: 0 })], 0);
  log.note([counter('web-1', { assigned: 600, ended: 600, answered: 600, errors: 10 })], 1);
  log.note([counter('web-1', { assigned: 5, ended: 5, answered: 5, errors: 0 })], 2);
  expect(log.tally(['web-1'])).toMatchObject({ ended: 105, failing: 10 });
});

test('requests in flight, summed over time, tell the mean time of one', () => {
  const log = new TrafficLog();
  for (let second = 0; second <= 10; second += 1)
    log.note(
      [counter('web-1', { assigned: 2 * second + 4, ended: 2 * second, answered: 2 * second, inFlight: 4 })],
      second,
    );
  const { inFlightSeconds, ended } = log.tally(['web-1']);
  expect(inFlightSeconds / ended).toBe(2);
});

test('requests that nothing can have ended are waiting, over all places', () => {
  const log = new TrafficLog();
  const at = (second: number, assigned: number, ended: number) =>
    ['s1', 's2']
      .map((slot) => counter('web-1', { place: `0 web:80/${slot}`, assigned, ended, answered: ended }))
      .map((one) => {
        log.note([one], second);
      });
  at(0, 0, 0);
  at(1, 10, 4);
  at(4, 12, 6);
  at(7, 14, 7);
  expect(log.waiting(['web-1'], 5)).toBe(2 * 3);
  expect(log.waiting(['web-1'], 10)).toBe(0);
});

test('an answer that has begun waits for nothing, however long its body takes', () => {
  const log = new TrafficLog();
  log.note([counter('web-1', {})], 0);
  log.note([counter('web-1', { assigned: 8, answered: 8, inFlight: 8 })], 1);
  log.note([counter('web-1', { assigned: 8, answered: 8, inFlight: 8 })], 9);
  expect([log.waiting(['web-1'], 5), log.tally(['web-1']).failing]).toEqual([0, 0]);
});

test('a successor with the name of the one before begins with nothing', () => {
  const log = new TrafficLog();
  log.note([counter('web-1', { assigned: 10, ended: 10, answered: 10, errors: 9 })], 0);
  log.note([counter('web-1', { assigned: 20, ended: 20, answered: 20, errors: 19 })], 1);
  log.forget(['web-1']);
  log.note([counter('web-1', { assigned: 25, ended: 25, answered: 25, errors: 19 })], 2);
  expect(log.tally(['web-1'])).toMatchObject({ ended: 5, failing: 0 });
});

test('a HAProxy that is not there any more has nobody waiting', () => {
  const log = new TrafficLog();
  for (const second of [0, 1, 2]) log.note([counter('web-1', { place: 'a web:80/s1', assigned: 5 * second })], second);
  log.note([counter('web-1', { place: 'b web:80/s1' })], 9);
  expect(log.waiting(['web-1'], 5)).toBe(0);
});
