import type { AgentSettings, RepositorySettings } from '../../agent/backup/contract.ts';
import type { ComposeModel, ComposeService } from '../../engine/compose-model.ts';
import { stableJson } from '../../fingerprint.ts';
import { dataNetwork } from '../../platform/networks.ts';
import {
  escaped,
  hardened,
  healthcheck,
  impatientNames,
  mebibyte,
  platformService,
  scratch,
  unescaped,
  volume,
  type PartService,
} from '../../platform/service.ts';
import type { Repository } from '../../recovery/kit-content.ts';
import type { ReleaseContent } from '../../release/release.ts';
import { edgeVolume, stateVolume } from '../../release/store.ts';
import type { Vault } from '../../release/vault.ts';
import type { Stack } from '../../stack/stack.ts';
import { cacheOptions, cachePassword } from '../cache/index.ts';
import {
  databaseName,
  databaseNetwork,
  databaseOptions,
  databaseSecrets,
  identityOf,
  isMember,
  membersOf,
  proxyService,
  type PostgresVersion,
} from '../database/index.ts';
import { agentFolders, backupNetwork, backupService, filesService } from './names.ts';
import { backupOptions, type BackupOptions } from './options.ts';
import { backupSecrets } from './sections.ts';

/** PostgreSQL version of the agent's image if there is no database to back up. */
const anyVersion: PostgresVersion = 17;
const uid = 70;

/**
 * Members push their WAL to the agent. Only the agent has the repositories' keys and a network to the outside. It takes
 * backups on its own schedule and has no access to the engine. A second container of the same image backs up files.
 */
export function backupServices(stack: Stack, vault: Vault): PartService[] {
  const backup = backupOptions(stack);
  if (!backup) return [];
  const agent = settings(stack, backup, vault);
  return [
    ...(databaseOptions(stack) ? [database(stack, backup, agent, vault)] : []),
    files(stack, backup, agent, vault),
  ];
}

export function backupNetworks(stack: Stack): NonNullable<ComposeModel['networks']> {
  const backup = backupOptions(stack);
  if (!backup) return {};
  return {
    [backupNetwork]: {
      name: `${stack.project}_${backupNetwork}`,
      ...(!isRemote(backup) && { internal: true }),
    },
  };
}

export function backupVolumes(stack: Stack): NonNullable<ComposeModel['volumes']> {
  if (!backupOptions(stack)) return {};
  const names = [...(databaseOptions(stack) ? databaseVolumes : []), ...filesVolumes, stateVolume];
  return Object.fromEntries(names.map((name) => [name, { name: `${stack.project}_${name}` }]));
}

/** Adds the archiving settings to a member; its entry point makes pgBackRest's configuration from them. */
export function archiving(service: PartService, stack: Stack, vault: Vault): PartService {
  const backup = backupOptions(stack);
  if (!backup || !isMember(service.name)) return service;
  const environment = {
    ...(service.definition.environment as Record<string, string>),
    HORME_STANZA: backupSecrets(vault).history,
    HORME_REPOSITORIES: String(backup.repositories.length),
  };
  return { ...service, definition: { ...service.definition, environment } };
}

const lockVolume = 'horme-backup-lock';
const databaseVolumes = ['horme-backup-database', 'horme-backup-scratch', lockVolume];
const filesVolumes = ['horme-backup-files', lockVolume];

const isRemote = ({ repositories }: BackupOptions) => repositories.some(({ kind }) => kind !== 'local');

const backupImage = (version: PostgresVersion): string => (version === 17 ? 'backup' : `backup-${version}`);
/** The agent's settings (read by src/agent/backup/settings.ts), without secrets, which are files. */
function settings(stack: Stack, backup: BackupOptions, vault: Vault): string {
  const database = databaseOptions(stack);
  const { id, history } = backupSecrets(vault);
  const told: AgentSettings = {
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
    cache: cacheOptions(stack) !== undefined,
    assertions: backup.assertions,
  };
  return escaped(JSON.stringify(told));
}

/** Whether the deployed agent checks these assertions in its drills. */
export function hasAssertions({ compose }: ReleaseContent, { assertions }: BackupOptions): boolean {
  const { environment } = compose.services[backupService] ?? {};
  const told = (environment as Record<string, string> | undefined)?.['HORME_BACKUP'];
  if (told === undefined) return assertions.length === 0;
  const known = JSON.parse(unescaped(told)) as { assertions?: unknown };
  return stableJson(known.assertions ?? []) === stableJson(assertions);
}

export function withoutSecrets(repository: Repository): RepositorySettings {
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

/** The repositories' credentials and the encryption keys that are set. */
function secretFiles({ repositories }: BackupOptions, vault: Vault): Record<string, string> {
  const { cipher, filesPassword } = backupSecrets(vault);
  const own = { 'backup-cipher': cipher, 'backup-files-password': filesPassword };
  return Object.assign(own, ...repositories.map(repositoryFiles)) as Record<string, string>;
}

function repositoryFiles(one: Repository): Record<string, string> {
  if (one.kind === 'sftp') return { 'sftp-key': one.key, 'sftp-known-hosts': one.knownHosts };
  if (one.kind === 'local') return {};
  const { keyId, keySecret, ca } = one;
  return { 's3-key-id': keyId, 's3-key-secret': keySecret, ...(ca !== undefined && { 's3-ca': ca }) };
}

/** A tenth of the default CPU weight, so that production goes first. A disk weight can't be set on every engine. */
const weight = { cpu_shares: 102 };

const shared = (agent: string, role: 'database' | 'files'): ComposeService => ({
  ...weight,
  environment: { HORME_BACKUP: agent, HORME_BACKUP_ROLE: role },
  ...impatientNames,
  stop_grace_period: '30s',
  // Each check starts Node, which takes a tenth of a second of a core.
  healthcheck: { ...healthcheck(['horme-backup', 'healthy']), interval: '30s' },
});

function database(stack: Stack, backup: BackupOptions, agent: string, vault: Vault): PartService {
  const secrets = databaseSecrets(vault);
  const identity = { ...identityOf(secrets), 'monitor-password': secrets.monitorPassword };
  return platformService({
    name: backupService,
    owner: 'backup',
    platformImage: backupImage(databaseOptions(stack)?.version ?? anyVersion),
    uid,
    secretFiles: { ...identity, ...secretFiles(backup, vault) },
    strategy: { kind: 'stop-first', reason: 'owns its repository; a backup under way is taken again' },
    stopSeconds: 30,
    dependsOn: [{ service: proxyService, condition: 'service_healthy' }],
    definition: hardened(
      // A drill runs a second Postgres in this container.
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

function files(stack: Stack, backup: BackupOptions, agent: string, vault: Vault): PartService {
  const cache = cacheOptions(stack);
  return platformService({
    name: filesService,
    owner: 'backup',
    platformImage: backupImage(databaseOptions(stack)?.version ?? anyVersion),
    uid: 0,
    secretFiles: { ...secretFiles(backup, vault), ...(cache && { 'cache-password': cachePassword(vault) }) },
    strategy: { kind: 'stop-first', reason: 'owns its repository; a backup under way is taken again' },
    stopSeconds: 30,
    definition: hardened(
      { memoryBytes: 512 * mebibyte, cpus: 1 },
      {
        ...shared(agent, 'files'),
        // It must read files of any user of any container, but not write them.
        user: '0:0',
        cap_add: ['DAC_READ_SEARCH'],
        networks: { [backupNetwork]: null, ...(cache && { [dataNetwork]: null }) },
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
