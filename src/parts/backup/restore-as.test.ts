import { expect, test } from 'vitest';
import type { Backup, History, RepositoryHistory } from '../../agent/backup/contract.ts';
import { roomNeeded, sizeOf } from './restore-as.ts';

const backup = (label: string, day: number, databaseBytes: number): Backup => ({
  ...{ label, type: 'full', startedAt: `2026-11-${day}T03:00:00Z`, endedAt: `2026-11-${day}T03:01:00Z` },
  ...{ seconds: 60, databaseBytes, repositoryBytes: 1, error: false, proof: null },
});
const repository: Pick<RepositoryHistory, 'kind' | 'window' | 'gaps'> = { kind: 'local', window: null, gaps: [] };
const history: History = {
  ...{ stanza: '20261101-000000-aaaa', current: true, systemId: '1' },
  repositories: [
    { ...repository, repository: 1, backups: [backup('second', 22, 20)] },
    { ...repository, repository: 2, backups: [backup('third', 23, 30), backup('first', 21, 10)] },
  ],
};

test('the size is that of the backup which the restore begins at', () => {
  const at = new Date('2026-11-22T12:00:00Z');
  expect(sizeOf({ history, target: { kind: 'time', at } })).toBe(20);
  expect(sizeOf({ history, target: { kind: 'backup', label: 'first' } })).toBe(10);
  expect(sizeOf({ history, target: { kind: 'latest' } })).toBe(30);
});

test('every member needs room for the database and for the WAL of filling it, which has a limit', () => {
  expect(roomNeeded(1, 10, 4)).toBe(14);
  expect(roomNeeded(3, 2, 4)).toBe(12);
});
