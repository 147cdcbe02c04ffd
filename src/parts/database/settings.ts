import type { DatabaseOptions } from './options.ts';

const mebibyte = 1024 * 1024;
const megabytes = (bytes: number) => `${Math.max(1, Math.floor(bytes / mebibyte))}MB`;
const between = (least: number, value: number, most: number) => Math.min(most, Math.max(least, value));

/** PostgreSQL's default. A pooler, not a larger number, is what more clients need: each one is a process. */
const connections = 100;

/**
 * What follows from the memory limit; the user's `parameters` win over each.
 *
 * - `shared_buffers`: a quarter, `effective_cache_size`: three quarters (PostgreSQL's manual, "Resource Consumption" and
 *   "Planner Cost Constants": the kernel's cache counts too).
 * - `work_mem`: what is left beside shared_buffers, over three for each connection (PGTune: a query has about three sorts
 *   or hashes), not below 1 MB, from which on sorts of a few thousand rows stay in memory.
 * - `maintenance_work_mem`: a sixteenth, at most 2 GB (PGTune; vacuum gained nothing from more before 17).
 * - `max_wal_size`: twice the memory, from 1 GB, which is PostgreSQL's default, to 4 GB (PGTune's value for web applications):
 *   a small database should not need hours of WAL to be replayed after a crash.
 */
export function memorySettings(memoryBytes: number): Record<string, string> {
  const buffers = memoryBytes / 4;
  return {
    max_connections: String(connections),
    shared_buffers: megabytes(buffers),
    effective_cache_size: megabytes((memoryBytes * 3) / 4),
    work_mem: megabytes((memoryBytes - buffers) / (connections * 3)),
    maintenance_work_mem: megabytes(Math.min(memoryBytes / 16, 2048 * mebibyte)),
    max_wal_size: megabytes(between(1024 * mebibyte, memoryBytes * 2, 4096 * mebibyte)),
  };
}

/**
 * `wal_log_hints` lets pg_rewind bring a former primary back; slow queries and waits for locks are worth a line each. A Postgres
 * that is to stop waits for whoever has connected and said nothing, as clients do that a network lost: by PostgreSQL's default
 * of `authentication_timeout` for a minute, for which a former primary is no replica.
 */
const ownSettings: Record<string, string> = {
  wal_level: 'replica',
  wal_log_hints: 'on',
  max_wal_senders: '10',
  max_replication_slots: '10',
  wal_keep_size: '128MB',
  password_encryption: 'scram-sha-256',
  authentication_timeout: '10s',
  log_min_duration_statement: '1s',
  log_lock_waits: 'on',
  log_line_prefix: '%m [%p] %q%u@%d ',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** A segment that is not full is archived after this too: what is lost with the machine is no older. Seconds. */
const archiveSeconds = 60;

const archiving = ({ archived }: DatabaseOptions): Record<string, string> =>
  archived
    ? { archive_mode: 'on', archive_command: 'pgbackrest-archive %p', archive_timeout: String(archiveSeconds) }
    : { archive_mode: 'off' };

/** All parameters of Postgres that don't differ from member to member. */
export function parameters(database: DatabaseOptions): Record<string, string> {
  const { [localSetting]: _local, ...users } = database.parameters;
  return { ...ownSettings, ...archiving(database), ...memorySettings(database.memoryBytes), ...users };
}

/** Its default depends on the volume that a member has, and so only the member knows it. */
export const localSetting = 'max_slot_wal_keep_size';
export const localParameters = ({ parameters: users }: DatabaseOptions): Record<string, string> => ({
  [localSetting]: users[localSetting] ?? '@quarter-of-the-volume@',
});

/**
 * Parameters that a running Postgres can't take: what changes them replaces the members, one after another. The rest is
 * reloaded. From `pg_settings` of PostgreSQL 17, `context = 'postmaster'`; a test compares.
 */
const restartParameters = new Set(
  `archive_mode autovacuum_freeze_max_age autovacuum_max_workers autovacuum_multixact_freeze_max_age bonjour bonjour_name
  cluster_name commit_timestamp_buffers config_file data_directory data_sync_retry debug_io_direct
  dynamic_shared_memory_type event_source external_pid_file hba_file hot_standby huge_page_size huge_pages ident_file
  ignore_invalid_pages jit_provider listen_addresses logging_collector max_connections max_files_per_process
  max_locks_per_transaction max_logical_replication_workers max_notify_queue_pages max_pred_locks_per_transaction
  max_prepared_transactions max_replication_slots max_wal_senders max_worker_processes min_dynamic_shared_memory
  multixact_member_buffers multixact_offset_buffers notify_buffers port recovery_target recovery_target_action
  recovery_target_inclusive recovery_target_lsn recovery_target_name recovery_target_time recovery_target_timeline
  recovery_target_xid reserved_connections serializable_buffers shared_buffers shared_memory_type
  shared_preload_libraries subtransaction_buffers superuser_reserved_connections track_activity_query_size
  trace_connection_negotiation track_commit_timestamp transaction_buffers unix_socket_directories unix_socket_group unix_socket_permissions wal_buffers
  wal_decode_buffer_size wal_level wal_log_hints`.split(/\s+/),
);

export const needsRestart = (parameter: string) => restartParameters.has(parameter);

/** What Horme sets itself, because the cluster would not work with another value; refused in `parameters`. */
export const reservedParameters = new Set(
  `archive_command archive_library archive_mode cluster_name config_file data_directory external_pid_file hba_file hot_standby ident_file
  listen_addresses logging_collector password_encryption port primary_conninfo primary_slot_name recovery_end_command restore_command
  ssl ssl_ca_file ssl_cert_file ssl_key_file synchronous_standby_names unix_socket_directories wal_level wal_log_hints`.split(
    /\s+/,
  ),
);

export const restartSettings = (all: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(all).filter(([name]) => needsRestart(name)));
