import {
  databaseNetwork,
  authorityFile,
  certificateFile,
  databaseName,
  keyFile,
  proxyService,
} from '../database/names.ts';
import { membersOf } from '../database/proxy.ts';
import { dataNetwork } from '../../platform/networks.ts';
import {
  escaped,
  hardened,
  healthcheck,
  impatientNames,
  mebibyte,
  platformService,
  scratch,
  volume,
  type Part,
  type PartService,
  type PlatformImage,
  type SecretName,
  unescaped,
} from '../../platform/part.ts';
import type { ReleaseContent } from '../../release/release.ts';
import { stableJson } from '../../fingerprint.ts';
import { edgeVolume, stateVolume } from '../../release/store.ts';
import type { BackupOptions, PostgresVersion, Stack } from '../../stack/stack.ts';
import type { ComposeService } from '../../engine/compose-model.ts';
import type { Repository } from '../../recovery/kit-content.ts';
import { agentFolders, backupNetwork, backupService, filesService } from './names.ts';
import type { BackupIdentity } from './secrets.ts';

/** The version of the programs where there is no database to back up. */
const anyVersion: PostgresVersion = 17;
const uid = 70;

/**
 * Members push their WAL to the agent, which alone has the repositories' keys and a way out. It takes backups by its own
 * schedule: nothing in it can reach the engine. Files are read by a second container of the same image.
 */
export const backupPart: Part = {
  owner: 'backup',
  services: (stack, identity) => (stack.backup ? services(stack, stack.backup, identity) : []),
  networks: ({ backup, project }) =>
    backup
      ? { [backupNetwork]: { name: `${project}_${backupNetwork}`, ...(!isRemote(backup) && { internal: true }) } }
      : {},
  volumes: (stack) => {
    if (!stack.backup) return {};
    const names = [...(stack.database ? databaseVolumes : []), ...filesVolumes, stateVolume];
    return Object.fromEntries(names.map((name) => [name, { name: `${stack.project}_${name}` }]));
  },
};

const lockVolume = 'horme-backup-lock';
const databaseVolumes = ['horme-backup-database', 'horme-backup-scratch', lockVolume];
const filesVolumes = ['horme-backup-files', lockVolume];

const isRemote = ({ repositories }: BackupOptions) => repositories.some(({ kind }) => kind !== 'local');

function services(stack: Stack, backup: BackupOptions, identity: BackupIdentity): PartService[] {
  const agent = settings(stack, backup, identity);
  return [...(stack.database ? [database(stack, backup, agent)] : []), files(stack, backup, agent)];
}

const backupImage = (version: PostgresVersion): PlatformImage => (version === 17 ? 'backup' : `backup-${version}`);
/** What the agent is told (images/backup/settings.py reads it); what is secret of it comes as files. */
function settings(stack: Stack, backup: BackupOptions, { id, history }: BackupIdentity): string {
  const { database } = stack;
  const told = {
    project: stack.project,
    id,
    stanza: database ? history : null,
    version: database?.version ?? anyVersion,
    members: database ? membersOf(database) : [],
    databaseName: databaseName(stack),
    encrypt: backup.encrypt,
    keepDays: backup.keepDays,
    schedule: backup.schedule,
    drillSchedule: backup.drillSchedule,
    repositories: backup.repositories.map(withoutSecrets),
    volumes: backup.volumes,
    cache: stack.cache !== undefined,
    assertions: backup.assertions,
  };
  return escaped(JSON.stringify(told));
}

/** Whether the agent that the release runs asks these checks of a restored database. */
export function hasAssertions({ compose }: ReleaseContent, { assertions }: BackupOptions): boolean {
  const { environment } = compose.services[backupService] ?? {};
  const told = (environment as Record<string, string> | undefined)?.['HORME_BACKUP'];
  if (told === undefined) return assertions.length === 0;
  const known = JSON.parse(unescaped(told)) as { assertions?: unknown };
  return stableJson(known.assertions ?? []) === stableJson(assertions);
}

export function withoutSecrets(repository: Repository): Record<string, unknown> {
  switch (repository.kind) {
    case 'local':
      return { kind: repository.kind };
    case 's3': {
      const { keyId: _id, keySecret: _secret, ca: _ca, ...rest } = repository;
      return rest;
    }
    case 'sftp': {
      const { key: _key, knownHosts: _hosts, ...rest } = repository;
      return rest;
    }
  }
}

/** Of the repositories' own and of our keys, those that there are. */
function secretFiles({ repositories }: BackupOptions): Record<string, SecretName> {
  const names: SecretName[] = [
    'backup-cipher',
    'backup-files-password',
    ...repositories.flatMap((one): SecretName[] => {
      if (one.kind === 'sftp') return ['sftp-key', 'sftp-known-hosts'];
      if (one.kind === 's3') return ['s3-key-id', 's3-key-secret', ...(one.ca === undefined ? [] : ['s3-ca' as const])];
      return [];
    }),
  ];
  return Object.fromEntries(names.map((name) => [name, name]));
}

/** A tenth of the default: where cores are short, production goes first. The disk's weight can't be set on every engine. */
const weight = { cpu_shares: 102 };

const shared = (agent: string, role: 'database' | 'files'): ComposeService => ({
  ...weight,
  environment: { HORME_BACKUP: agent, HORME_BACKUP_ROLE: role },
  ...impatientNames,
  stop_grace_period: '30s',
  healthcheck: healthcheck(['horme-backup', 'healthy']),
});

function database(stack: Stack, backup: BackupOptions, agent: string): PartService {
  const identity: Record<string, SecretName> = {
    [authorityFile]: 'database-ca',
    [certificateFile]: 'database-cert',
    [keyFile]: 'database-key',
    'monitor-password': 'monitor-password',
  };
  return platformService({
    name: backupService,
    owner: 'backup',
    platformImage: backupImage(stack.database?.version ?? anyVersion),
    uid,
    secretFiles: { ...identity, ...secretFiles(backup) },
    strategy: { kind: 'stop-first', reason: 'owns its repository; a backup under way is taken again' },
    stopSeconds: 30,
    dependsOn: [{ service: proxyService, condition: 'service_healthy' }],
    definition: hardened(
      // A drill runs a Postgres of its own in it.
      { memoryBytes: 1024 * mebibyte, cpus: 1 },
      {
        ...shared(agent, 'database'),
        networks: { [databaseNetwork]: null, [backupNetwork]: null },
        volumes: [
          volume('horme-backup-database', agentFolders.database),
          volume('horme-backup-scratch', agentFolders.scratch),
          volume(lockVolume, agentFolders.lock),
        ],
        tmpfs: [scratch(uid, '/tmp', '256m'), scratch(uid, agentFolders.run, '4m')],
        shm_size: String(256 * mebibyte),
      },
    ),
  });
}

function files(stack: Stack, backup: BackupOptions, agent: string): PartService {
  return platformService({
    name: filesService,
    owner: 'backup',
    platformImage: backupImage(stack.database?.version ?? anyVersion),
    uid: 0,
    secretFiles: { ...secretFiles(backup), ...(stack.cache && { 'cache-password': 'cache-password' }) },
    strategy: { kind: 'stop-first', reason: 'owns its repository; a backup under way is taken again' },
    stopSeconds: 30,
    definition: hardened(
      { memoryBytes: 512 * mebibyte, cpus: 1 },
      {
        ...shared(agent, 'files'),
        // It must read what any user of any container wrote, and write nothing of theirs.
        user: '0:0',
        cap_add: ['DAC_READ_SEARCH'],
        networks: { [backupNetwork]: null, ...(stack.cache && { [dataNetwork]: null }) },
        volumes: [
          volume('horme-backup-files', agentFolders.files),
          volume(lockVolume, agentFolders.lock),
          volume(stateVolume, `${agentFolders.sources}/state`, true),
          volume(edgeVolume, `${agentFolders.sources}/edge`, true),
          ...backup.volumes.map((name) => volume(name, `${agentFolders.sources}/volumes/${name}`, true)),
        ],
        tmpfs: [scratch(0, '/tmp', '256m'), scratch(0, agentFolders.run, '4m')],
      },
    ),
  });
}
