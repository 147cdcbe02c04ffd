import { expect, test } from 'vitest';
import type { Ledger, LedgerEntry } from '../release/ledger.ts';
import { api, service } from '../deploy/testing.ts';
import { downText, releaseText, silenceOf } from './release-text.ts';

const entry = (number: number, kind: LedgerEntry['kind'], of: number) => ({ number, kind, of }) as LedgerEntry;
const ledger = (live: LedgerEntry | undefined): Ledger => ({ entries: live ? [live] : [], live });

test('a release has its own number everywhere, with what it is of', () => {
  expect(releaseText(entry(3, 'deploy', 3))).toBe('release 3');
  expect(releaseText(entry(4, 'rollback', 2))).toBe('release 4 (rollback to 2)');
  expect(releaseText(entry(5, 'scale', 4))).toBe('release 5 (scale of 4)');
});

test('after horme down it says what was live, and how to have it again', () => {
  const live = ledger(entry(7, 'deploy', 7));
  expect(downText(live, false)).toBe(
    'nothing runs; release 7 was live before: horme deploy (what the files say), or: horme rollback 7 (as it was)',
  );
  expect(downText(live, true)).toBeUndefined();
  expect(downText(ledger(undefined), false)).toBeUndefined();
});

test('a routed service without a replica is wrong, whoever wanted it so', () => {
  expect(silenceOf(api({ replicas: 0 }))).toEqual([
    expect.stringContaining('api is scaled to 0, its addresses answer 503'),
  ]);
  expect([...silenceOf(api()), ...silenceOf(service('worker', { replicas: 0 }))]).toEqual([]);
});
