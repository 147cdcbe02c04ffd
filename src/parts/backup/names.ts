import { dirname } from 'node:path';
import { containerFolders } from '../../agent/backup/folders.ts';
import { archiveHost } from '../database/index.ts';

/** Where the database's members find it. */
export const backupService = archiveHost;
/** A container of its own: it reads files of any owner, which the one that runs Postgres must not. */
export const filesService = 'horme-backup-files';

/** The way to repositories off this machine; without any it leads nowhere. */
export const backupNetwork = 'horme-backup';

/** What is mounted where the agent has it. The lock's volume is the folder of its file. */
export const agentFolders = { ...containerFolders, lock: dirname(containerFolders.lock) };
