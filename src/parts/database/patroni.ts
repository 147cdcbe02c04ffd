import type { DatabaseOptions } from './options.ts';
import {
  authorityFile,
  certificateFile,
  dataFolder,
  etcdService,
  keyFile,
  ports,
  secretFile,
  socketFolder,
} from './names.ts';
import { localParameters, parameters, restartSettings } from './settings.ts';

/** A lock that its holder must renew; seconds. `fast` finds a lost machine sooner, and takes a slow disk for one sooner. */
const leases = {
  normal: { ttl: 30, loop_wait: 10, retry_timeout: 10 },
  fast: { ttl: 20, loop_wait: 5, retry_timeout: 5 },
};

export const tlsFiles = {
  authority: secretFile(authorityFile),
  certificate: secretFile(certificateFile),
  key: secretFile(keyFile),
};

/** Where Postgres reads its key: a copy that its owner alone can read, made when the container starts. */
const serverKey = `${socketFolder}/server.key`;

export const tlsParameters: Record<string, string> = {
  ssl: 'on',
  ssl_cert_file: tlsFiles.certificate,
  ssl_key_file: serverKey,
  ssl_ca_file: tlsFiles.authority,
};

/** From outside a container only over TLS and with a password; inside, the system's user is the superuser. */
export const accessRules = [
  'local all postgres peer',
  'local all backup peer map=own',
  'hostssl replication replicator all scram-sha-256',
  'hostssl all all all scram-sha-256',
];
export const identityRules = ['own postgres backup'];

/**
 * What all members share and Patroni keeps in etcd, changed there and not by a restart. Sources: `maximum_lag_on_failover`,
 * `failsafe_mode`, `primary_start_timeout` as Pigsty and Autobase have them; the leases are Patroni's defaults for `normal`, and
 * for `fast` the smallest that keep `loop_wait + 2 * retry_timeout <= ttl` with the least ttl that Patroni takes.
 */
export function sharedSettings(database: DatabaseOptions): Record<string, unknown> {
  return {
    ...leases[database.failover],
    maximum_lag_on_failover: 1024 * 1024,
    check_timeline: true,
    failsafe_mode: true,
    primary_start_timeout: 25,
    member_slots_ttl: '30min',
    synchronous_mode: database.durability === 'zero-loss',
    // With one replica a strict mode would stop all writes while it is away.
    synchronous_mode_strict: database.durability === 'zero-loss' && database.replicas > 1,
    postgresql: { use_pg_rewind: true, use_slots: true, parameters: parameters(database) },
  };
}

/** A member's own configuration, as JSON, which is YAML too. `@…@` is filled in when the container starts. */
export function renderPatroni(scope: string, member: string, database: DatabaseOptions): string {
  const { authority, certificate, key } = tlsFiles;
  const verified = { sslmode: 'verify-full', sslrootcert: authority };
  const configuration = {
    scope,
    namespace: '/horme/',
    name: member,
    restapi: {
      listen: `0.0.0.0:${ports.patroni}`,
      connect_address: `${member}:${ports.patroni}`,
      certfile: certificate,
      keyfile: key,
      cafile: authority,
      // Whoever changes something must show a certificate; HAProxy only asks.
      verify_client: 'optional',
    },
    ctl: { certfile: certificate, keyfile: key, cacert: authority },
    etcd3: { hosts: [`${etcdService}:${ports.etcd}`], protocol: 'https', cacert: authority, cert: certificate, key },
    bootstrap: {
      // All else that members share is set once the first runs, and changes without another container. Until then the primary
      // looks for new replicas often: it makes their slots when it does.
      dcs: {
        ttl: 20,
        loop_wait: 2,
        retry_timeout: 5,
        postgresql: { use_pg_rewind: true, use_slots: true, parameters: restartSettings(parameters(database)) },
      },
      initdb: [{ encoding: 'UTF8' }, { locale: 'C.UTF-8' }, 'data-checksums'],
    },
    postgresql: {
      listen: `0.0.0.0:${ports.primary}`,
      connect_address: `${member}:${ports.primary}`,
      data_dir: `${dataFolder}/${database.version}`,
      bin_dir: `/usr/lib/postgresql/${database.version}/bin`,
      pgpass: `${socketFolder}/pgpass`,
      use_unix_socket: true,
      authentication: {
        superuser: { username: 'postgres' },
        replication: { username: 'replicator', password: '@replication-password@', ...verified },
        rewind: { username: 'rewinder', password: '@rewind-password@', ...verified },
      },
      parameters: { unix_socket_directories: socketFolder, ...tlsParameters, ...localParameters(database) },
      pg_hba: accessRules,
      pg_ident: identityRules,
      basebackup: [{ checkpoint: 'fast' }],
    },
  };
  return JSON.stringify(configuration, null, 2);
}

/** The configuration of a Postgres that runs by itself, with no Patroni and no etcd. */
export function renderPostgres(database: DatabaseOptions): string {
  const all = {
    ...parameters(database),
    ...localParameters(database),
    ...tlsParameters,
    listen_addresses: '*',
    port: String(ports.primary),
    unix_socket_directories: socketFolder,
    hba_file: `${socketFolder}/pg_hba.conf`,
    ident_file: `${socketFolder}/pg_ident.conf`,
  };
  return Object.entries(all)
    .map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'`)
    .join('\n');
}
