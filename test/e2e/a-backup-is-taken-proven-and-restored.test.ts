import { expect, test } from 'vitest';
import { eventually } from '../database/scene.ts';
import { useDatabase } from './harness/database.ts';

const scene = useDatabase('e2e-backup');

interface Status {
  backup: { database: { lastBackup: { at: string } | null; archiveFailing: boolean } };
}

const status = async () => (await scene().must('status', '--json')).json as unknown as Status;

test('the first deploy with backups takes one by itself', async () => {
  await scene().deploy({ replicas: 0 }, { top: { backup: {} } });
  const { backup } = await eventually(status, (seen) => seen.backup.database.lastBackup !== null, 120);
  expect(backup.database.archiveFailing).toBe(false);
});
