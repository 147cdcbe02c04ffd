import type { DatabaseOptions } from '../parts/database/index.ts';
import type { Service, Stack } from '../stack/stack.ts';
import { unmadeVault, type Vault } from './vault.ts';

/** Small factories for tests of what a release is made of. */
export function userService(name: string, own: Partial<Service> = {}): Service {
  return {
    name,
    kind: 'service',
    replicas: 1,
    definition: { image: `${name}:1`, ...own.definition },
    routes: [],
    strategy: { kind: 'surge' },
    migrate: undefined,
    migrations: undefined,
    secretVariables: [],
    dependsOn: [],
    readySeconds: 60,
    drainSeconds: 30,
    longLivedSeconds: 30,
    stopSeconds: 10,
    reservation: { cpus: 0, memoryBytes: 0 },
    ...own,
  };
}

export function stackOf(services: Service[], own: Partial<Stack> = {}): Stack {
  return {
    name: 'shop',
    environment: { name: 'local', domain: 'shop.localhost', context: undefined, ports: { http: 8080, https: 8443 } },
    project: 'shop-local',
    directory: '/nowhere',
    files: [],
    services,
    model: { name: 'shop', services: Object.fromEntries(services.map(({ name, definition }) => [name, definition])) },
    parts: { edge: { maxBodyBytes: 1024, maintenancePage: undefined } },
    fileVariables: {},
    watchSeconds: 10,
    sourceProblems: [],
    warnings: [],
    ...own,
  };
}

/** One Postgres, as the schema's defaults have it. */
export const database = (own: Partial<DatabaseOptions> = {}): DatabaseOptions => ({
  version: 17,
  memoryBytes: 256 * 1024 ** 2,
  replicas: 0,
  durability: 'async',
  failover: 'normal',
  pooler: false,
  archived: false,
  parameters: {},
  migrations: { lockTimeoutSeconds: 5, statementTimeoutSeconds: 900 },
  ...own,
});

export const secrets = {
  cache: { password: 'sentinel-cache-password' },
  database: {
    generation: 1,
    appPassword: 'sentinel-app-password',
    ownerPassword: 'sentinel-owner-password',
    replicationPassword: 'sentinel-replication-password',
    rewindPassword: 'sentinel-rewind-password',
    monitorPassword: 'sentinel-monitor-password',
    authority: { certificate: 'sentinel-authority', key: 'sentinel-authority-key' },
    server: { certificate: 'sentinel-certificate', key: 'sentinel-key' },
  },
};

export const vault: Vault = { ...unmadeVault, volumeKey: 'sentinel-volume-key', parts: secrets };
