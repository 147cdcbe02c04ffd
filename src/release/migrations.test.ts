import { expect, test } from 'vitest';
import { service } from '../deploy/testing.ts';
import type { Ledger, LedgerEntry } from './ledger.ts';
import { dueText, migrationsDue, migrationsIn } from './migrations.ts';

const hour = (at: number) => `2026-11-26T${String(at).padStart(2, '0')}:00:00.000Z`;
const entry = (number: number, own: Partial<LedgerEntry> = {}) =>
  ({ number, of: number, kind: 'deploy', outcome: 'live', at: hour(number), migrated: [], ...own }) as LedgerEntry;
const migrating = (number: number, own: Partial<LedgerEntry> = {}) => entry(number, { migrated: ['api'], ...own });
const restore = (number: number, to: number, of: number) =>
  entry(number, { kind: 'restore', of, restoredTo: hour(to).replace(':00:00', ':30:00') });

const services = [service('api', { migrationVolume: 'owner' }), service('worker')];
const ledger = (...entries: LedgerEntry[]): Ledger => ({
  entries,
  live: entries.findLast(({ outcome }) => outcome === 'live'),
});
const due = (...entries: LedgerEntry[]) => dueText(migrationsDue(ledger(...entries), services));

test('a restore takes the migrations that ended after its moment, and a deploy brings them back', () => {
  const three = [migrating(1), migrating(2), entry(3)];
  expect(due(...three)).toBe('');
  expect([...migrationsIn([...three, restore(4, 1, 3)], 'surely')]).toEqual([1]);
  expect(due(...three, restore(4, 1, 3))).toBe('release 2 (api)');
  expect(due(...three, restore(4, 2, 3))).toBe('');
  expect(due(...three, restore(4, 1, 3), migrating(5))).toBe('');
});

test('a restore to a moment after another one has what that one had', () => {
  const twice = [migrating(1), migrating(2), restore(4, 1, 2), restore(7, 5, 2)];
  expect(due(...twice)).toBe('release 2 (api)');
  expect(due(...twice, restore(9, 3, 2))).toBe('');
});

test('a rollback counts on the migrations up to its own release', () => {
  const restored = [migrating(1), migrating(2), migrating(3), restore(4, 1, 3)];
  expect(due(...restored, entry(5, { kind: 'rollback', of: 1 }))).toBe('');
  expect(due(...restored, entry(5, { kind: 'rollback', of: 2 }))).toBe('release 2 (api)');
});

test('a migration whose release was rolled back is in the data all the same', () => {
  const failed = [migrating(1), migrating(2, { outcome: 'rolled-back' })];
  expect([...migrationsIn(failed, 'surely')]).toEqual([1, 2]);
  expect(due(...failed)).toBe('');
  expect([...migrationsIn([...failed, restore(3, 1, 1)], 'surely')]).toEqual([1]);
});

test('before a restore is made, what would be due is known from its moment', () => {
  const at = Date.parse(hour(2)) - 1;
  expect(migrationsDue(ledger(migrating(1), migrating(2)), services, at)).toEqual([{ service: 'api', release: 2 }]);
});

test('a service with a database of its own has nothing that a restore takes', () => {
  const own = [service('api', { migrate: ['migrate'] })];
  expect(migrationsDue(ledger(migrating(1), restore(2, 0, 1)), own)).toEqual([]);
});

test('one that was run again and failed is still due, and one that never went live is not counted on', () => {
  const restored = [migrating(1), migrating(2), restore(3, 1, 2)];
  expect(due(...restored, migrating(4, { outcome: 'rolled-back' }))).toBe('release 2 (api)');
  expect(due(...restored, migrating(4, { outcome: 'rolled-back' }), migrating(5))).toBe('');
  const never = [migrating(1), migrating(2, { outcome: 'rolled-back' }), entry(3), restore(4, 1, 3)];
  expect(due(...never)).toBe('');
});

test('from its begin on a restore has changed the data, and a migration may have', () => {
  const begunAt = '2026-11-26T02:10:00.000Z';
  const long = [migrating(1), migrating(2), { ...restore(3, 1, 2), begunAt }];
  const between = Date.parse('2026-11-26T02:20:00.000Z');
  expect([...migrationsIn(long, 'surely', between)]).toEqual([1]);
  const watched = [migrating(1), migrating(3, { begunAt })];
  expect([...migrationsIn(watched, 'surely', between)]).toEqual([1]);
  expect([...migrationsIn(watched, 'perhaps', between)]).toEqual([1, 3]);
  expect([...migrationsIn(watched, 'perhaps', Date.parse(begunAt))]).toEqual([1]);
});
