import type { Restored } from '../../../agent/backup/contract.ts';
import { expect, test } from 'vitest';
import type { Recovery } from '../recovery/recover.ts';
import { screen } from './recover.ts';

const deployed: Recovery['deployed'] = {
  ...{ exitCode: 0, outcome: 'live', changed: true, release: 43, proof: undefined, warning: undefined, steps: [] },
  ...{ reason: undefined, failure: undefined },
};
const database: Restored = {
  ...{
    label: '20261102-030000F',
    folder: '/members/horme-postgres-1/17.restored',
    repository: 2,
    stanza: '20261101-000000-aaaa',
    bytes: 1,
    tables: {},
  },
  newestTransactionAt: '2026-11-24T13:02:58Z',
  seconds: { restore: 1, replay: 1, check: 1 },
};
const ending = (own: Partial<Restored>, missing: string[] = []) =>
  screen({ deployed, database: { ...database, ...own }, missing, seconds: {} });

test('it ends with why the data is not the newest that there is', () => {
  const missing = ['repository 1 has WAL up to 0000000100000000000000A1, which could not be read'];
  expect(ending({}, missing)).toMatch(
    /newest transaction recovered: 2026-11-24.*\nmissing: repository 1 has WAL .* could not be read$/,
  );
});

test('it ends with what was accepted as it is, and with what begins empty', () => {
  const missing = ['the volume media has no snapshot: it begins empty'];
  expect(ending({ damage: ['pg_amcheck: an index\nlacks a row'] }, missing)).toMatch(
    /\ndamaged: pg_amcheck: an index lacks a row\nmissing: the volume media has no snapshot: it begins empty$/,
  );
});

test('there is nothing to say about the newest, nor about what an older agent restored', () => {
  for (const own of [{ missing: [] }, {}]) expect(ending(own)).toMatch(/newest transaction recovered: [^\n]*$/);
});
