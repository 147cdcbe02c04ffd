import { expect, test } from 'vitest';
import type { Ledger, LedgerEntry } from '../release/ledger.ts';
import { chosen, targetText } from './rollback-target.ts';

const deployed = (number: number, own: Partial<LedgerEntry> = {}): LedgerEntry => ({
  ...{ schema: 'horme.ledger/1', number, kind: 'deploy', outcome: 'live', of: number, begunAt: undefined },
  ...{ at: '2026-11-26T10:00:00.000Z', by: 'ada', commit: '0123456789abcdef', folder: '', images: {} },
  ...{ secretVolumes: [], restoredTo: undefined, migrated: [], steps: [], proof: undefined, reason: undefined },
  ...{ content: `content of ${number}`, previous: '', hash: '' },
  ...own,
});
const back = (number: number, of: number, own: Partial<LedgerEntry> = {}) =>
  deployed(number, { kind: 'rollback', of, content: `content of ${of}`, ...own });

const ledger = (...entries: LedgerEntry[]): Ledger => ({
  entries,
  live: entries.findLast(({ outcome }) => outcome === 'live'),
});
const next = (...entries: LedgerEntry[]) => chosen(ledger(...entries), undefined).number;

test('it goes to the release before, and never to one whose deploy was rolled back', () => {
  expect(next(deployed(1), deployed(2))).toBe(1);
  expect(next(deployed(1), deployed(2, { outcome: 'rolled-back' }), deployed(3))).toBe(1);
});

test('a second rollback goes further back, and does not bring the bad release again', () => {
  expect(next(deployed(1), deployed(2), deployed(3), back(4, 2))).toBe(1);
  expect(next(deployed(1), deployed(2), deployed(3), back(4, 2), deployed(5))).toBe(4);
  expect(next(deployed(1), deployed(2), deployed(3), back(4, 1), deployed(5), back(6, 1), deployed(7))).toBe(6);
});

test('where only what was rolled back is left, it says which, and takes it when it is named', () => {
  const entries = ledger(deployed(1), deployed(2), back(3, 1));
  expect(() => chosen(entries, undefined)).toThrow('no earlier release to go back to: release 2 was rolled back');
  expect(chosen(entries, '2').number).toBe(2);
});

test('a release of the same content is not the one before', () => {
  expect(next(deployed(1), deployed(2), deployed(3, { content: 'content of 2' }))).toBe(1);
});

test('a scaling, a restore and a recovery stand for the release they are of', () => {
  const scaled = deployed(3, { kind: 'scale', of: 2 });
  expect(next(deployed(1), deployed(2), scaled)).toBe(1);
  expect(next(deployed(1), deployed(2), back(3, 2, { kind: 'restore' }))).toBe(1);
  expect(next(deployed(1), deployed(2), back(3, 2, { kind: 'recover' }), deployed(4))).toBe(3);
  expect(chosen(ledger(deployed(1), deployed(2), scaled), '3').number).toBe(2);
});

test('it is named before, with where it comes from', () => {
  expect(targetText(deployed(1, { dirty: true }), deployed(2))).toBe(
    'from release 2 back to release 1, live since 2026-11-26 10:00 UTC, by ada, commit 01234567+changes',
  );
});
