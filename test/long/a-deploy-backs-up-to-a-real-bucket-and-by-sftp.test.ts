import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureNetwork, startSftp, strangeKnownHosts, type SftpServer } from '../backup/repositories.ts';
import { statusOf, useBackups, withBackup } from '../backup/stage.ts';
import { eventually } from '../database/scene.ts';

const stage = useBackups('e2e-places', 'ceph');
let sftp: SftpServer;

beforeAll(async () => {
  const { scene } = stage();
  sftp = await startSftp({ network: await ensureNetwork(scene.project), alias: 'sftp.test' });
  await writeFile(join(scene.directory, 'backup-key'), sftp.key, { mode: 0o600 });
  await writeFile(join(scene.directory, 'backup-hosts'), sftp.knownHosts);
});
afterAll(async () => sftp.close());

const options = (bucket: Record<string, unknown> = {}) => {
  const { host, port, user, directory: path } = sftp;
  const { top } = withBackup(stage(), {
    sftp: { host, port, user, path, key: 'backup-key', knownHosts: 'backup-hosts' },
  });
  const { backup } = top as { backup: { s3: Record<string, unknown> } };
  return { top: { ...top, backup: { ...backup, s3: { ...backup.s3, ...bucket } } } };
};

test('a key that the bucket refuses ends the deploy, and says which repository it is', async () => {
  const { scene } = stage();
  await scene.write({ replicas: 0 }, options({ keySecret: 'f'.repeat(40) }));
  const refused = await scene.horme(['deploy', '--json']);
  expect(refused.exitCode).not.toBe(0);
  expect(refused.stdout + refused.stderr).toContain('repository 2 (s3)');
});

test('with the right one all three repositories have a backup, and both off the machine are proven', async () => {
  const { scene, s3 } = stage();
  await scene.deploy({ replicas: 0 }, options());
  await eventually(
    () => statusOf(scene),
    ({ backup: { database, files } }) =>
      [database, files].every(
        ({ repositories }) =>
          repositories.length === 3 && repositories.every(({ lastBackupAt }) => lastBackupAt !== null),
      ),
    240,
  );
  for (const repository of ['2', '3']) await scene.must('backup', 'drill', '--repository', repository, '--json');
  await scene.must('backup', 'verify', '--json');
  const places = await Promise.all([s3.objects(), sftp.objects()]);
  for (const objects of places) {
    expect(objects.some(({ key }) => key.includes('/database/archive/'))).toBe(true);
    expect(objects.some(({ key }) => key.includes('/files/snapshots/'))).toBe(true);
  }
});

test('an sftp server with another key than is known ends the deploy', async () => {
  const { scene } = stage();
  await writeFile(join(scene.directory, 'backup-hosts'), strangeKnownHosts(sftp.host));
  const refused = await scene.horme(['deploy', '--json']);
  expect(refused.exitCode).not.toBe(0);
  expect(refused.stdout + refused.stderr).toMatch(/repository 3 \(sftp\)|known/);
});
