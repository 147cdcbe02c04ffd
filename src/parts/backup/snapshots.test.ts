import { expect, test } from 'vitest';
import type { Snapshot } from '../../agent/backup/contract.ts';
import type { SnapshotTarget } from './restore-volume.ts';
import { refuseMissing } from './snapshots.ts';

const snapshot = (name: string, at: string, kind: Snapshot['kind'] = 'volume'): Snapshot => ({
  ...{ id: `4ab8${name}`, at, kind, name, repository: 1, bytes: 1, files: 1 },
});
const snapshots = [
  snapshot('uploads', '2026-11-20T03:00:00Z'),
  snapshot('media', '2026-11-23T03:00:00Z'),
  snapshot('media', '2026-11-22T03:00:00Z'),
  snapshot('logs', '2026-11-01T03:00:00Z', 'cache'),
];
const at = (day: number) => ({ at: new Date(`2026-11-${day}T12:00:00Z`) });

test('volumes that all have a snapshot of before the time are as well', () => {
  refuseMissing(['uploads', 'media'], at(22), { snapshots }, 'next');
  refuseMissing(['uploads', 'media'], 'latest', { snapshots }, 'next');
  refuseMissing(['uploads'], { snapshot: '4ab8' }, { snapshots }, 'next');
});

test('one that has none is named, with its oldest and with the repository that could not be asked', () => {
  const problems = [{ repository: 2, kind: 's3' as const, message: 'repository 2 (s3): it hangs' }];
  const refused = (names: string[], target: SnapshotTarget): unknown => {
    try {
      refuseMissing(names, target, { snapshots, problems }, 'horme restore --only-database');
      return undefined;
    } catch (error) {
      return error;
    }
  };
  expect(refused(['uploads', 'media'], at(21))).toMatchObject({
    message: 'the volume media has no snapshot from before 2026-11-21 12:00:00Z',
    code: 'no-snapshot',
    lastSeen: 'its oldest is of 2026-11-22 03:00:00Z\nrepository 2 (s3): it hangs',
    next: 'horme restore --only-database',
  });
  expect(refused(['logs'], 'latest')).toMatchObject({ message: 'the volume logs has no snapshot yet' });
  expect(refused(['media'], { snapshot: '77' })).toMatchObject({ message: 'the volume media has no snapshot 77' });
});
