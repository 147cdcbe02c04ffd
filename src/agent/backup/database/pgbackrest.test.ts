import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Repository } from '../agent.ts';
import { local, temporaryFolders, told } from '../testing.ts';
import { configuration, ownConfiguration, restoreConfiguration, serverArgv, writeConfiguration } from './pgbackrest.ts';
import { failureOf } from './testing.ts';

const remote: Repository = { number: 2, kind: 's3', endpoint: 'e', bucket: 'b', region: 'r', prefix: '/a//b/' };
const ssh: Repository = { number: 3, kind: 'sftp', host: 'h', user: 'u', path: '/backups' };
const secrets = { 'database-key': 'key', 'backup-cipher': 'cipher', 's3-key-id': 'id', 's3-key-secret': 'secret' };

async function written(repositories: Repository[], given: Record<string, string> = secrets) {
  const folders = temporaryFolders();
  for (const [name, value] of Object.entries(given)) await writeFile(join(folders.secrets, name), `${value}\n`);
  await writeConfiguration({ told: told({ role: 'database', repositories }), folders });
  const lines = async (file: string) => (await readFile(file, 'utf8')).split('\n');
  const { run, secrets: secretsFolder, database } = folders;
  return { folders, run, secretsFolder, database, lines };
}

test('the server, the members and all repositories are in the one that backups are taken with', async () => {
  const { run, secretsFolder, database, lines } = await written([local(1), remote, ssh]);
  const found = await lines(configuration(run));
  expect(found).toEqual(expect.arrayContaining(['repo1-type=posix', `repo1-path=${database}/repository`]));
  expect(found).toEqual(expect.arrayContaining(['repo2-type=s3', 'repo2-path=/a/b/shop-production/k3x9/database']));
  expect(found).toEqual(expect.arrayContaining(['repo2-s3-region=r', 'repo2-s3-key=id', 'repo2-cipher-pass=cipher']));
  expect(found).toEqual(expect.arrayContaining(['repo3-sftp-host-port=22', 'repo3-retention-full=30']));
  expect(found).toEqual(expect.arrayContaining(['[20261124-150312-ab12]', 'pg1-host=horme-postgres-1']));
  expect(found).toEqual(
    expect.arrayContaining(['tls-server-port=8432', `tls-server-ca-file=${secretsFolder}/database-ca`]),
  );
  expect(found).toEqual(expect.arrayContaining(['[global:backup]', 'expire-auto=n', 'archive-timeout=600']));
  expect(serverArgv({ folders: { run } as never })).toEqual([
    'pgbackrest',
    `--config=${run}/pgbackrest.conf`,
    'server',
  ]);
});

test('a restore knows no member, and a repository of its own knows no other', async () => {
  const { run, lines } = await written([local(1), remote]);
  expect((await lines(restoreConfiguration(run))).join('\n')).not.toMatch(/pg1-|tls-server/);
  const own = (await lines(ownConfiguration(run, 2))).join('\n');
  expect(own).toContain('repo2-type=s3');
  expect(own).not.toContain('repo1-');
});

test('what has keys in it is for its owner alone, also when it is written again', async () => {
  const { run, folders } = await written([local(1)]);
  await writeConfiguration({ told: told({ role: 'database' }), folders });
  for (const file of [configuration(run), join(run, 'server.key')]) expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('an authority of the storage is named where there is one', async () => {
  const { run, secretsFolder, lines } = await written([remote], { ...secrets, 's3-ca': 'pem' });
  expect(await lines(configuration(run))).toContain(`repo2-storage-ca-file=${secretsFolder}/s3-ca`);
});

test('a secret that is missing is named', async () => {
  const { message } = await failureOf(() => written([remote], { 'backup-cipher': 'cipher' }));
  expect(message).toBe('the secret s3-key-id is not there, and a repository needs it');
});
