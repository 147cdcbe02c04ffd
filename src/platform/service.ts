import type { Service } from '../stack/stack.ts';
import type { ComposeMount, ComposeService } from '../engine/compose-model.ts';

/** A service of a part's own. */
export interface PartService extends Service {
  /** Of the part. */
  owner: string;
  /** By its name among the part's images. */
  platformImage: string;
  /** Content of its secret files, by name. */
  secretFiles: Record<string, string>;
  /** Who must be able to read them. */
  uid: number;
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
