import { archiveHost } from '../database/index.ts';

/** Where the database's members find it. */
export const backupService = archiveHost;
/** A container of its own: it reads files of any owner, which the one that runs Postgres must not. */
export const filesService = 'horme-backup-files';

/** The way to repositories off this machine; without any it leads nowhere. */
export const backupNetwork = 'horme-backup';

/** Folders as the agent (images/backup/settings.py) has them. */
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
