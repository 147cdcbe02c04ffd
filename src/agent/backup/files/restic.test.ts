import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { RunOptions } from '../../programs.ts';
import type { Repository } from '../agent.ts';
import type { Folders } from '../folders.ts';
import { completed, fakePrograms, temporaryFolders, testAgent } from '../testing.ts';
import { locationOf, restic } from './restic.ts';

const s3: Repository = {
  number: 2,
  kind: 's3',
  endpoint: 's3.example.com',
  bucket: 'b',
  region: 'eu-1',
  prefix: '/backups/',
};
const sftp: Repository = { number: 3, kind: 'sftp', host: 'h', port: 2222, user: 'u', path: '/srv/backups' };

let folders: Folders;
beforeEach(() => void (folders = temporaryFolders()));
const writeSecret = (name: string, text: string): void => writeFileSync(join(folders.secrets, name), text);

async function asked(
  repository: Repository,
  exitCode = 0,
  stderr = '',
): Promise<{ argv: string; env: Record<string, string> }> {
  let seen: { argv: readonly string[]; options: RunOptions } | undefined;
  const programs = fakePrograms(async (argv, options) => {
    seen = { argv, options };
    return completed('', exitCode, stderr);
  });
  await restic(testAgent({ folders, programs }), repository, ['snapshots'], { seconds: 1 });
  return { argv: seen?.argv.join(' ') ?? '', env: seen?.options.env ?? {} };
}

test("the environment's id is in every remote path", () => {
  const agent = testAgent({ folders });
  expect(locationOf(agent, s3)).toBe('s3:https://s3.example.com/b/backups/shop-production/k3x9/files');
  expect(locationOf(agent, sftp)).toBe('sftp://u@h:2222//srv/backups/shop-production/k3x9/files');
  const bare: Repository = { number: 2, kind: 's3', endpoint: 'e', bucket: 'b' };
  expect(locationOf(agent, bare)).toBe('s3:https://e/b/shop-production/k3x9/files');
});

test('no secret is in the arguments', async () => {
  for (const name of ['backup-files-password', 's3-key-id', 's3-key-secret']) writeSecret(name, `value-of-${name}\n`);
  const { argv, env } = await asked(s3);
  expect(argv).not.toContain('value-of');
  expect(env['AWS_SECRET_ACCESS_KEY']).toBe('value-of-s3-key-secret');
  expect(Object.values(env)).not.toContain('value-of-backup-files-password');
});

test('an authority is used when there is one', async () => {
  expect((await asked(s3)).argv).not.toContain('--cacert');
  writeSecret('s3-ca', 'pem');
  expect((await asked(s3)).argv).toContain('--cacert');
});

test('ssh gets a key that only its owner reads, and the known hosts', async () => {
  writeSecret('sftp-key', 'key');
  const { argv } = await asked(sftp);
  const key = join(folders.run, 'sftp-key');
  expect([statSync(key).mode & 0o777, readFileSync(key, 'utf8')]).toEqual([0o600, 'key\n']);
  expect(argv).toContain(`-i ${key}`);
  expect(argv).toContain('StrictHostKeyChecking=yes');
});

describe('a refusal', () => {
  const said = '{"message_type":"exit_error","code":1,"message":"Fatal: access denied"}\n';

  test.each([
    [10, 'no-repository'],
    [11, 'repository-locked'],
    [12, 'wrong-password'],
    [1, 'repository-failed'],
  ])('with exit code %i is %s', async (exitCode, code) => {
    const message = expect.stringContaining('repository 2 (s3)') as string;
    await expect(asked(s3, exitCode, said)).rejects.toMatchObject({ code, message });
  });

  test("has restic's own words", async () => {
    await expect(asked(s3, 1, said)).rejects.toThrow('access denied');
    await expect(asked(s3, 1, 'subprocess ssh: no route\n')).rejects.toThrow('subprocess ssh: no route');
    await expect(asked(s3, 1)).rejects.toThrow('exit code 1');
  });
});
