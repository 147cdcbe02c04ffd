/** How a Postgres on restored data is started. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Agent } from '../agent.ts';

/** Empty, in place of the cluster's own, which names files that aren't here. */
export const scratchConfiguration = (data: string): string => join(data, 'horme-scratch.conf');

/** On the command line, which wins over every file of the restored cluster. */
export async function serverArgv(
  programs: Agent['programs'],
  data: string,
  socket: string,
  access: string,
): Promise<string[]> {
  const file = scratchConfiguration(data);
  await writeFile(file, '');
  const options: Record<string, string> = {
    config_file: file,
    hba_file: access,
    ident_file: '/dev/null',
    listen_addresses: '',
    unix_socket_directories: socket,
    archive_mode: 'off',
    ssl: 'off',
    shared_preload_libraries: '',
    shared_buffers: '64MB',
    logging_collector: 'off',
    log_destination: 'stderr',
    log_min_messages: 'warning',
    log_error_verbosity: 'terse',
    log_line_prefix: '',
    synchronous_standby_names: '',
    primary_conninfo: '',
    // Nobody reads before the end of recovery; with it on, Postgres pauses when the primary had larger limits.
    hot_standby: 'off',
    autovacuum: 'off',
    // As in gently.ts: what its small buffers don't hold reaches the disk soon, and not all at a checkpoint.
    backend_flush_after: '256kB',
    jit: 'off',
    ...(await limitsOf(programs, data)),
  };
  return ['postgres', '-D', data, ...Object.entries(options).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

/** By their names in the control file: transactions that were prepared, and their locks, must find room. */
const limits: Record<string, string> = {
  max_connections: 'max_connections',
  max_worker_processes: 'max_worker_processes',
  max_wal_senders: 'max_wal_senders',
  max_prepared_xacts: 'max_prepared_transactions',
  max_locks_per_xact: 'max_locks_per_transaction',
  track_commit_timestamp: 'track_commit_timestamp',
};

/** What the primary had. */
async function limitsOf(programs: Agent['programs'], data: string): Promise<Record<string, string>> {
  const { stdout } = await programs.run(['pg_controldata', '-D', data], { seconds: 60, env: { LC_ALL: 'C' } });
  const found = [...stdout.matchAll(/^(\w+) setting: +(\w+)$/gm)];
  const known = found.map(([, name = '', value = '']) => [limits[name], value] as const);
  return Object.fromEntries(known.filter(([name]) => name !== undefined)) as Record<string, string>;
}
