import { hardened, healthcheck, mebibyte, platformService, type Part } from '../platform/part.ts';
import { dataNetwork } from '../platform/networks.ts';
import type { Stack } from '../stack/stack.ts';

export const databaseService = 'horme-postgres';
/** The name in DATABASE_URL; it stays the same when a proxy comes between. */
export const databaseAlias = 'database';
const dataVolume = 'horme-postgres-data';

/** Postgres names are at most 63 bytes; a stack's name has letters, digits, `-` and `_` only. */
export const databaseName = (stack: Stack) => stack.name.replaceAll('-', '_').slice(0, 63);
export const databaseRole = 'app';

export const databaseUrl = (stack: Stack, password: string) =>
  `postgres://${databaseRole}:${password}@${databaseAlias}:5432/${databaseName(stack)}`;

export const databasePart: Part = {
  owner: 'database',
  services: (stack) => (stack.database ? [postgres(stack, stack.database.memoryBytes)] : []),
  networks: (stack) =>
    stack.database ? { [dataNetwork]: { name: `${stack.project}_${dataNetwork}`, internal: true } } : {},
  volumes: (stack) => (stack.database ? { [dataVolume]: { name: `${stack.project}_${dataVolume}` } } : {}),
};

function postgres(stack: Stack, memoryBytes: number) {
  return platformService({
    name: databaseService,
    owner: 'database',
    platformImage: 'postgres',
    uid: 70,
    secretFiles: { 'database-password': 'database-password' },
    strategy: { kind: 'stop-first', reason: `owns the volume ${dataVolume}` },
    stopSeconds: 60,
    definition: hardened(
      { memoryBytes, cpus: 2 },
      {
        command: parameters(memoryBytes),
        environment: { HORME_ROLE: databaseRole, HORME_DATABASE: databaseName(stack) },
        networks: { [dataNetwork]: { aliases: [databaseAlias] } },
        volumes: [{ type: 'volume', source: dataVolume, target: '/var/lib/postgresql/data' }],
        tmpfs: ['/tmp:uid=70,gid=70,mode=0700,size=64m', '/run/postgresql:uid=70,gid=70,mode=0755,size=1m'],
        shm_size: String(Math.max(64 * mebibyte, Math.floor(memoryBytes / 4))),
        stop_grace_period: '60s',
        healthcheck: healthcheck(['pg_isready', '--quiet', '--host=127.0.0.1']),
      },
    ),
  });
}

/** PostgreSQL's manual, "Resource Consumption": a quarter of memory for shared_buffers, about three quarters as cache in all. */
function parameters(memoryBytes: number): string[] {
  const settings = {
    listen_addresses: '*',
    shared_buffers: `${Math.floor(memoryBytes / 4 / mebibyte)}MB`,
    effective_cache_size: `${Math.floor((memoryBytes * 3) / 4 / mebibyte)}MB`,
    password_encryption: 'scram-sha-256',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
