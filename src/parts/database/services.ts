import type { Part } from '../part.ts';
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
  type PartService,
} from '../../platform/service.ts';
import type { Vault } from '../../release/vault.ts';
import type { Stack } from '../../stack/stack.ts';
import {
  authorityFile,
  certificateFile,
  dataFolder,
  dataVolume,
  databaseAlias,
  databaseNetwork,
  directAlias,
  etcdService,
  keyFile,
  memberNumber,
  poolerService,
  ports,
  proxyService,
  replicaAlias,
  socketFolder,
} from './names.ts';
import { accessRules, identityRules, renderPatroni, renderPostgres, tlsFiles } from './patroni.ts';
import { poolerFolder, renderPooler } from './pooler.ts';
import { databaseOptions, type DatabaseOptions, type PostgresVersion } from './options.ts';
import { membersOf, proxyFile, renderProxy } from './proxy.ts';
import { poolerUsers, type DatabaseSecrets } from './secrets.ts';
import { databaseSecrets } from './sections.ts';

/** A replica copies the whole database before it is ready; seconds. */
const copySeconds = 4 * 3600;
/** Replaying WAL after a crash takes minutes on a busy database; seconds. */
const recoverySeconds = 600;

const etcdVolume = `${etcdService}-data`;

const postgresImage = (version: PostgresVersion): string => (version === 17 ? 'postgres' : `postgres-${version}`);

/** What proves who a container of the database is, and whom it trusts. */
export const identityOf = ({ authority, server }: DatabaseSecrets): Record<string, string> => ({
  [authorityFile]: authority.certificate,
  [certificateFile]: server.certificate,
  [keyFile]: server.key,
});

/**
 * Application → proxy (HAProxy: who is primary) → members, each a Postgres that its Patroni owns, with etcd for who leads. With
 * `replicas: 0` there is one member, without Patroni and etcd; the proxy stays, so that an address never changes.
 */
export function databaseServices(stack: Stack, vault: Vault): PartService[] {
  const database = databaseOptions(stack);
  if (!database) return [];
  const secrets = databaseSecrets(vault);
  return [
    ...(database.replicas > 0 ? [etcd(secrets)] : []),
    ...membersOf(database).map((name) => member(stack, database, name, secrets)),
    proxy(database, secrets),
    ...(database.pooler ? [pooler(stack, secrets)] : []),
  ];
}

export const databaseNetworks: NonNullable<Part['networks']> = (stack) => ({
  ...(databaseOptions(stack) && {
    [dataNetwork]: { name: `${stack.project}_${dataNetwork}`, internal: true },
    [databaseNetwork]: { name: `${stack.project}_${databaseNetwork}`, internal: true },
  }),
});

export const databaseVolumes: NonNullable<Part['volumes']> = (stack) => {
  const database = databaseOptions(stack);
  if (!database) return {};
  const members = membersOf(database).map((name) => dataVolume(memberNumber(name)));
  const names = [...members, ...(database.replicas > 0 ? [etcdVolume] : [])];
  return Object.fromEntries(names.map((name) => [name, { name: `${stack.project}_${name}` }]));
};

const healthy = (service: string) => ({ service, condition: 'service_healthy' as const });

function member(stack: Stack, database: DatabaseOptions, name: string, secrets: DatabaseSecrets): PartService {
  const first = memberNumber(name) === 1;
  const cluster = database.replicas > 0;
  const { memoryBytes } = database;
  return platformService({
    name,
    owner: 'database',
    platformImage: postgresImage(database.version),
    uid: 70,
    secretFiles: {
      ...identityOf(secrets),
      'replication-password': secrets.replicationPassword,
      'rewind-password': secrets.rewindPassword,
      'monitor-password': secrets.monitorPassword,
    },
    strategy: { kind: 'stop-first', reason: `owns the volume ${dataVolume(memberNumber(name))}` },
    stopSeconds: 60,
    readySeconds: first ? recoverySeconds : copySeconds,
    // The first has the data; the others copy it.
    dependsOn: cluster ? [healthy(first ? etcdService : 'horme-postgres-1')] : [],
    definition: hardened(
      { memoryBytes, cpus: 2 },
      {
        command: [cluster ? 'cluster' : 'single'],
        environment: cluster ? clusterMember(stack, database, name) : singleMember(database),
        hostname: name,
        ...impatientNames,
        networks: { [databaseNetwork]: null },
        volumes: [volume(dataVolume(memberNumber(name)), dataFolder)],
        tmpfs: [scratch(70, '/tmp', '64m'), scratch(70, socketFolder, '2m')],
        shm_size: String(Math.max(64 * mebibyte, Math.floor(memoryBytes / 4))),
        stop_grace_period: '60s',
        healthcheck: healthcheck(['healthcheck']),
      },
    ),
  });
}

const clusterMember = (stack: Stack, database: DatabaseOptions, name: string): Record<string, string> => ({
  HORME_SCOPE: stack.project,
  HORME_PATRONI: escaped(renderPatroni(stack.project, name, database)),
});

const singleMember = (database: DatabaseOptions): Record<string, string> => ({
  HORME_POSTGRESQL: escaped(renderPostgres(database)),
  HORME_HBA: accessRules.join('\n'),
  HORME_IDENT: identityRules.join('\n'),
});

/**
 * One member on one machine: three on one disk would only look safer. Heartbeat and election are those for disks that others use
 * too, in milliseconds (etcd's guide: the election takes ten heartbeats).
 */
function etcd(secrets: DatabaseSecrets): PartService {
  const { authority, certificate, key } = tlsFiles;
  const address = `https://${etcdService}:${ports.etcd}`;
  const trust = ['--cacert', authority, '--cert', certificate, '--key', key];
  return platformService({
    name: etcdService,
    owner: 'database',
    platformImage: 'etcd',
    uid: 72,
    secretFiles: identityOf(secrets),
    strategy: { kind: 'stop-first', reason: `owns the volume ${etcdVolume}; the primary goes on meanwhile` },
    stopSeconds: 10,
    definition: hardened(
      { memoryBytes: 256 * mebibyte, cpus: 1 },
      {
        command: [
          ...[`--name=${etcdService}`, '--data-dir=/var/lib/etcd/data', '--logger=zap', '--log-level=warn'],
          ...[`--listen-client-urls=https://0.0.0.0:${ports.etcd}`, `--advertise-client-urls=${address}`],
          ...[`--cert-file=${certificate}`, `--key-file=${key}`, `--trusted-ca-file=${authority}`],
          ...['--client-cert-auth', '--listen-peer-urls=http://127.0.0.1:2380'],
          ...['--heartbeat-interval=500', '--election-timeout=5000'],
          ...['--auto-compaction-mode=periodic', '--auto-compaction-retention=1h'],
        ],
        networks: { [databaseNetwork]: null },
        volumes: [volume(etcdVolume, '/var/lib/etcd')],
        healthcheck: healthcheck([
          'etcdctl',
          `--endpoints=https://localhost:${ports.etcd}`,
          ...trust,
          'endpoint',
          'health',
        ]),
      },
    ),
  });
}

function proxy(database: DatabaseOptions, secrets: DatabaseSecrets): PartService {
  const folder = proxyFile.slice(0, proxyFile.lastIndexOf('/'));
  return platformService({
    name: proxyService,
    owner: 'database',
    platformImage: 'haproxy',
    secretFiles: { [authorityFile]: secrets.authority.certificate },
    strategy: { kind: 'surge' },
    stopSeconds: 5,
    dependsOn: [healthy('horme-postgres-1')],
    definition: hardened(
      { memoryBytes: 128 * mebibyte, cpus: 1 },
      {
        entrypoint: ['sh', '-c', `printf '%s' "$$HORME_HAPROXY" >${proxyFile} && exec haproxy -W -db -f ${proxyFile}`],
        environment: { HORME_HAPROXY: escaped(renderProxy(database)) },
        networks: {
          [databaseNetwork]: null,
          [dataNetwork]: { aliases: [...(database.pooler ? [] : [databaseAlias]), directAlias, replicaAlias] },
        },
        tmpfs: [scratch(101, folder, '1m')],
        stop_grace_period: '5s',
        healthcheck: healthcheck(['socat', '-u', '/dev/null', `TCP:127.0.0.1:${ports.primary}`]),
      },
    ),
  });
}

function pooler(stack: Stack, secrets: DatabaseSecrets): PartService {
  return platformService({
    name: poolerService,
    owner: 'database',
    platformImage: 'pgbouncer',
    uid: 73,
    secretFiles: { ...identityOf(secrets), 'pooler-users': poolerUsers(secrets) },
    strategy: { kind: 'surge' },
    stopSeconds: 30,
    dependsOn: [healthy(proxyService)],
    definition: hardened(
      { memoryBytes: 128 * mebibyte, cpus: 1 },
      {
        environment: { HORME_PGBOUNCER: renderPooler(stack) },
        networks: { [databaseNetwork]: null, [dataNetwork]: { aliases: [databaseAlias] } },
        tmpfs: [scratch(73, poolerFolder, '1m')],
        stop_grace_period: '30s',
        healthcheck: healthcheck(['pg_isready', '--quiet', '--host=127.0.0.1', `--port=${ports.primary}`]),
      },
    ),
  });
}
