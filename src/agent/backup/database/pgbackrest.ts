/** The configuration of pgBackRest: where the repositories are, and which members have the database. */

import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { failure } from '../../failure.ts';
import { exists } from '../../folder.ts';
import type { Agent, Repository } from '../agent.ts';
import { secret, secretPath } from '../folders.ts';

const port = 8432;
/** The folder of a member's data as the member sees it, and where its Postgres listens. */
const memberData = '/var/lib/postgresql/data';
const memberRun = '/run/postgresql';

/** How long a backup waits for its own WAL: while another repository is away, it comes in batches minutes apart. */
export const walSeconds = 600;

export const configuration = (run: string): string => join(run, 'pgbackrest.conf');
/** Without members: a restore writes into a folder of this container, with the repositories reached directly. */
export const restoreConfiguration = (run: string): string => join(run, 'pgbackrest-restore.conf');
/** With one repository alone: `stanza-create` knows no `--repo` and stops at the first that it can't reach. */
export const ownConfiguration = (run: string, number: number): string => join(run, `pgbackrest-${number}.conf`);
export const localRepository = (folder: string): string => join(folder, 'repository');
const keyFile = (run: string): string => join(run, 'server.key');

export const serverArgv = ({ folders }: Pick<Agent, 'folders'>): string[] => [
  'pgbackrest',
  `--config=${configuration(folders.run)}`,
  'server',
];

type Place = Pick<Agent, 'told' | 'folders'>;

export async function writeConfiguration(agent: Place): Promise<void> {
  const { run } = agent.folders;
  const { repositories } = agent.told;
  await mkdir(run, { recursive: true });
  const key = await secret(agent.folders, 'database-key');
  if (key !== undefined) await write(keyFile(run), `${key}\n`);
  await write(configuration(run), await text(agent, repositories, { withMembers: true }));
  await write(restoreConfiguration(run), await text(agent, repositories, { withMembers: false }));
  for (const repository of repositories) {
    await write(ownConfiguration(run, repository.number), await text(agent, [repository], { withMembers: true }));
  }
}

async function text(agent: Place, repositories: Repository[], kind: { withMembers: boolean }): Promise<string> {
  const lines = [
    '[global]',
    'log-level-console=warn',
    // The root is read-only; the logs are what is printed.
    'log-level-file=off',
    `log-path=${agent.folders.run}`,
    `lock-path=${join(agent.folders.run, 'pgbackrest')}`,
    'process-max=2',
    'compress-type=zst',
    'start-fast=y',
  ];
  for (const repository of repositories) {
    const options = await repositoryOptions(agent, repository);
    lines.push(...options.map((option) => `repo${repository.number}-${option}`));
  }
  if (kind.withMembers) lines.push(...serverLines(agent), ...memberLines(agent));
  return lines.map((line) => `${line}\n`).join('');
}

const serverLines = (agent: Place): string[] => [
  ...['address=*', `port=${port}`, 'auth=database=*', ...identity(agent)].map((option) => `tls-server-${option}`),
  '[global:backup]',
  // Expiring is a step of its own, which a clock that jumped forbids.
  'expire-auto=n',
  `archive-timeout=${walSeconds}`,
];

function memberLines(agent: Place): string[] {
  const { stanza, version, members } = agent.told;
  if (stanza === null) return [];
  const options = (member: string) => [
    `host=${member}`,
    'host-type=tls',
    `host-port=${port}`,
    `host-config=${memberRun}/pgbackrest.conf`,
    ...identity(agent).map((option) => `host-${option}`),
    `path=${memberData}/${version}`,
    `socket-path=${memberRun}`,
    'user=backup',
  ];
  return [
    `[${stanza}]`,
    ...members.flatMap((member, index) => options(member).map((option) => `pg${index + 1}-${option}`)),
  ];
}

const identity = ({ folders }: Place): string[] => [
  `ca-file=${secretPath(folders, 'database-ca')}`,
  `cert-file=${secretPath(folders, 'database-cert')}`,
  `key-file=${keyFile(folders.run)}`,
];

async function repositoryOptions(agent: Place, repository: Repository): Promise<string[]> {
  return [
    ...(await placeOf(agent, repository)),
    ...(agent.told.encrypt ? ['cipher-type=aes-256-cbc', `cipher-pass=${await needed(agent, 'backup-cipher')}`] : []),
    // Weekly fulls are kept as long as a restore to any time of the last days needs them.
    'retention-full-type=time',
    `retention-full=${agent.told.keepDays}`,
    'bundle=y',
    'block=y',
  ];
}

async function placeOf(agent: Place, repository: Repository): Promise<string[]> {
  switch (repository.kind) {
    case 'local':
      return ['type=posix', `path=${localRepository(agent.folders.database)}`];
    case 's3':
      return s3Options(agent, repository);
    case 'sftp':
      return sftpOptions(agent, repository);
  }
}

type Of<Kind extends Repository['kind']> = Extract<Repository, { kind: Kind }>;

async function s3Options(agent: Place, { endpoint, bucket, region, prefix = '' }: Of<'s3'>): Promise<string[]> {
  const authority = secretPath(agent.folders, 's3-ca');
  return [
    'type=s3',
    `path=${remotePath(agent.told, prefix)}`,
    `s3-endpoint=${endpoint}`,
    `s3-bucket=${bucket}`,
    ...(region === undefined ? [] : [`s3-region=${region}`]),
    // Names of buckets in the host's name need a certificate for each; other servers than Amazon's have none.
    's3-uri-style=path',
    `s3-key=${await needed(agent, 's3-key-id')}`,
    `s3-key-secret=${await needed(agent, 's3-key-secret')}`,
    ...((await exists(authority)) ? [`storage-ca-file=${authority}`] : []),
  ];
}

const sftpOptions = (agent: Place, { path, host, port: sshPort = 22, user }: Of<'sftp'>): string[] => [
  'type=sftp',
  `path=${remotePath(agent.told, path)}`,
  `sftp-host=${host}`,
  `sftp-host-port=${sshPort}`,
  `sftp-host-user=${user}`,
  `sftp-private-key-file=${secretPath(agent.folders, 'sftp-key')}`,
  `sftp-known-host=${secretPath(agent.folders, 'sftp-known-hosts')}`,
  'sftp-host-key-check-type=strict',
  'sftp-host-key-hash-type=sha256',
];

function remotePath({ project, id }: Agent['told'], prefix: string): string {
  return `/${[...prefix.split('/').filter((part) => part !== ''), project, id, 'database'].join('/')}`;
}

async function needed({ folders }: Place, name: string): Promise<string> {
  const value = await secret(folders, name);
  if (value !== undefined) return value;
  throw failure('secret-missing', `the secret ${name} is not there, and a repository needs it`);
}

/** Whole or not at all: the server reads it at every connection. For its owner alone: it has keys in it. */
async function write(path: string, content: string): Promise<void> {
  const temporary = `${path}.new`;
  await rm(temporary, { force: true });
  const file = await open(temporary, 'wx', 0o600);
  await file.writeFile(content).finally(() => file.close());
  await rename(temporary, path);
}
