import type { Service } from '../stack/stack.ts';
import type { ComposeMount, ComposeService } from '../engine/compose-model.ts';

/** A service that a part runs. */
export interface PartService extends Service {
  /** Name of the part. */
  owner: string;
  /** Name among the part's images. */
  platformImage: string;
  /** Content of its secret files, by name. */
  secretFiles: Record<string, string>;
  /** User id that must be able to read them. */
  uid: number;
}

interface Limits {
  memoryBytes: number;
  cpus: number;
}

/** Two per connection of the edge; below the hard limit of engines in containers and on small machines. */
export const openFiles = 16384;

/** Definition that all platform containers share; a part adds only what it needs. */
export function hardened({ memoryBytes, cpus }: Limits, own: ComposeService): ComposeService {
  return {
    init: true,
    read_only: true,
    restart: 'unless-stopped',
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
    // An engine with a lower hard limit refuses a higher one.
    ulimits: { nofile: { soft: openFiles, hard: openFiles } },
    logging: { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } },
    ...own,
    deploy: { resources: { limits: { cpus: String(cpus), memory: String(memoryBytes), pids: 512 } } },
  };
}

/** A platform service, with defaults that most of them share. */
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
 * The engine's DNS forwards unknown names, such as that of a stopped container, to external servers. On an internal
 * network these are unreachable, and by default a lookup waits 15 s: longer than a failover may take.
 */
export const impatientNames: ComposeService = { dns_opt: ['timeout:1', 'attempts:1'], dns_search: ['.'] };

/** A tmpfs that only its owner can read. */
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
/**
 * Health check of a platform service. A deploy's gate runs the same test itself instead of waiting for the engine's.
 */
export const healthcheck = (test: string[]) => ({
  test: ['CMD', ...test],
  interval: '10s',
  timeout: '5s',
  retries: 3,
  start_period: '30s',
});
