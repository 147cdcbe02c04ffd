import { dirname } from 'node:path';
import { containerFolders } from '../../agent/backup/folders.ts';
import { archiveHost } from '../database/index.ts';

/** The host to which the database's members push WAL. */
export const backupService = archiveHost;
/** A separate container, since it may read files of any owner, which the one that runs Postgres must not. */
export const filesService = 'horme-backup-files';

/** The network to repositories off this machine; without any it is internal. */
export const backupNetwork = 'horme-backup';

/** Mount points, which the agent defines. The lock's volume is mounted at the folder of the lock file. */
export const agentFolders = { ...containerFolders, lock: dirname(containerFolders.lock) };
