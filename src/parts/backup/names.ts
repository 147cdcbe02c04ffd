import { archiveHost } from '../database/index.ts';

/** The host to which the database's members push WAL. */
export const backupService = archiveHost;
/** A separate container, since it may read files of any owner, which the one that runs Postgres must not. */
export const filesService = 'horme-backup-files';

/** The network to repositories off this machine; without any it is internal. */
export const backupNetwork = 'horme-backup';

/** The agent's folders; must match src/agent/backup/folders.ts. */
export const agentFolders = {
  run: '/run/horme',
  database: '/var/lib/horme-backup/database',
  files: '/var/lib/horme-backup/files',
  lock: '/var/lib/horme-backup/lock',
  scratch: '/var/lib/horme-backup/scratch',
  members: '/members',
  sources: '/sources',
  targets: '/targets',
} as const;
