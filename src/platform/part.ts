import type { Service, Stack } from '../stack/stack.ts';
import type { ComposeModel, ComposeMount, ComposeService } from '../engine/compose-model.ts';
import type { BackupIdentity } from '../parts/backup/secrets.ts';
import type { Owner } from '../release/release.ts';

/** The images that Horme builds. */
export const platformImages = [
  'tools',
  'gate',
  'nginx',
  'haproxy',
  'postgres',
  'postgres-18',
  'backup',
  'backup-18',
  'etcd',
  'pgbouncer',
  'redis',
] as const;
export type PlatformImage = (typeof platformImages)[number];

export interface PartService extends Service {
  owner: Owner;
  platformImage: PlatformImage;
  /** Secret files by name; the values come from the vault when the release is made. */
  secretFiles: Record<string, SecretName>;
  /** Who must be able to read them. */
  uid: number;
}

/** What the platform keeps secret for an environment: made at its first deploy, or the user's keys of repositories. */
export type SecretName =
  | 'cache-password'
  | 'replication-password'
  | 'rewind-password'
  | 'monitor-password'
  | 'database-ca'
  | 'database-cert'
  | 'database-key'
  | 'pooler-users'
  | 'backup-cipher'
  | 'backup-files-password'
  | 's3-key-id'
  | 's3-key-secret'
  | 's3-ca'
  | 'sftp-key'
  | 'sftp-known-hosts';

export interface Part {
  owner: Owner;
  services(stack: Stack, backup: BackupIdentity): PartService[];
  networks(stack: Stack): NonNullable<ComposeModel['networks']>;
  volumes(stack: Stack): NonNullable<ComposeModel['volumes']>;
}

interface Limits {
  memoryBytes: number;
  cpus: number;
}

/** Two for each connection that the edge passes on; below the hard limit of engines in containers and small machines. */
export const openFiles = 16384;

/** What every container of the platform has; a part adds only what it can't do without. */
export function hardened({ memoryBytes, cpus }: Limits, own: ComposeService): ComposeService {
  return {
    init: true,
    read_only: true,
    restart: 'unless-stopped',
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
    // An engine that runs with a lower hard limit of its own refuses more than it has.
    ulimits: { nofile: { soft: openFiles, hard: openFiles } },
    logging: { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } },
    ...own,
    deploy: { resources: { limits: { cpus: String(cpus), memory: String(memoryBytes), pids: 512 } } },
  };
}

/** What the planner needs to know of a platform service, with what most of them share. */
export function platformService(
  own: Pick<PartService, 'name' | 'owner' | 'platformImage' | 'definition' | 'strategy' | 'stopSeconds'> &
    Partial<PartService>,
): PartService {
  return {
    kind: 'service',
    replicas: 1,
    routes: [],
    migrate: undefined,
    migrations: undefined,
    secretVariables: [],
    secretFiles: {},
    uid: 101,
    dependsOn: [],
    readySeconds: 60,
    drainSeconds: 0,
    longLivedSeconds: 0,
    reservation: { cpus: 0, memoryBytes: 0 },
    ...own,
  };
}

/**
 * The engine passes a name that it doesn't know, such as that of a container which ended, on to servers outside. On an
 * internal network they can't be reached, and by default a look-up waits fifteen seconds: longer than a failover may take.
 */
export const impatientNames: ComposeService = { dns_opt: ['timeout:1', 'attempts:1'], dns_search: ['.'] };

/** A folder in memory that its owner alone can read. */
export const scratch = (uid: number, path: string, size: string) =>
  `${path}:uid=${uid},gid=${uid},mode=0700,size=${size}`;

export const volume = (source: string, target: string, readOnly = false): ComposeMount => ({
  type: 'volume',
  source,
  target,
  ...(readOnly && { read_only: true }),
});

/** Compose interpolates the rendered file. */
export const escaped = (text: string) => text.replaceAll('$', '$$$$');
export const unescaped = (text: string) => text.replaceAll('$$', '$');

export const mebibyte = 1024 * 1024;
/** Health checks of the platform; the gate of a deploy runs the same test directly and does not wait for it. */
export const healthcheck = (test: string[]) => ({
  test: ['CMD', ...test],
  interval: '10s',
  timeout: '5s',
  retries: 3,
  start_period: '30s',
});
