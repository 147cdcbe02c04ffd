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
    healthPath: undefined,
    strategy: { kind: 'surge' },
    migrate: undefined,
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
    database: undefined,
    cache: undefined,
    maintenancePage: undefined,
    maxBodyBytes: 1024,
    watchSeconds: 10,
    warnings: [],
    ...own,
  };
}

export const vault: Vault = {
  ...unmadeVault,
  databasePassword: 'sentinel-database-password',
  cachePassword: 'sentinel-cache-password',
  volumeKey: 'sentinel-volume-key',
};
