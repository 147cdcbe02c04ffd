import type { ReleaseContent } from '../../release/release.ts';
import type { SecretsRun } from '../../release/part.ts';
import { databaseOptions, releasedDatabase } from '../database/index.ts';
import type { BackupAct } from './step.ts';
import type { Part } from '../part.ts';
import { commandGroups, commands } from './commands.ts';
import { inHistory } from './in-history.ts';
import { backupOptions } from './options.ts';
import { backUpFirst, backupSetUp } from './plan.ts';
import { makeBackupSecrets, newHistory, type BackupSecrets } from './secrets.ts';
import { backupSecrets, readBackupSecrets, releasedBackup, setUpFor, type BackupRelease } from './sections.ts';
import { archiving, backupNetworks, backupServices, backupVolumes, withoutSecrets } from './services.ts';

/** Backups of the database and of files by agents that live in the stack, restores, and the recovery of an empty machine. */
export const backupPart: Part = {
  name: 'backup',
  key: { load: async () => (await import('./key.ts')).backupKey },
  images: {
    backup: { built: 'agent.cjs', from: { image: 'postgres', argument: 'POSTGRES' } },
    'backup-18': { folder: 'backup', built: 'agent.cjs', from: { image: 'postgres-18', argument: 'POSTGRES' } },
  },
  services: backupServices,
  networks: backupNetworks,
  volumes: backupVolumes,
  completes: archiving,
  released(stack, _services, vault): BackupRelease | undefined {
    const options = backupOptions(stack);
    if (!options) return undefined;
    const history = databaseOptions(stack) && backupSecrets(vault).history;
    return { history, repositories: options.repositories.map(withoutSecrets) };
  },
  present: (content, vault) => inHistory(content, backupSecrets(vault).history),
  secrets: {
    read: readBackupSecrets,
    make: async () => makeBackupSecrets(new Date()),
    renewed: (section, run) => forOtherVersion(section as BackupSecrets, run),
    givenUp: (section, former) => asBefore(section as BackupSecrets, former),
  },
  steps: { setUp: backupSetUp, safeguard: backUpFirst },
  take: async (context, id, act) => (await import('./actions.ts')).takeBackupStep(context, id, act as BackupAct),
  swapIn: async (context, id, restored) => (await import('./apply.ts')).swapIn(context, id, restored),
  status: async (look) => (await import('./status.ts')).backupLines(look),
  commands,
  commandGroups,
};

/**
 * Data of another major version is another cluster to pgBackRest. Begun before the members are made, and once: an upgrade that
 * was killed goes on in the history that it began.
 */
function forOtherVersion(secrets: BackupSecrets, { stack, applied, live, platformOnly }: SecretsRun): BackupSecrets {
  const version = databaseOptions(stack)?.version;
  const [database, backup] = [live && releasedDatabase(live), live && releasedBackup(live)];
  if (!platformOnly || version === undefined || !database || !backup || database.version === version) return secrets;
  const isUsed = secrets.history === backup.history || setUpFor(applied).startsWith(secrets.history);
  return isUsed ? { ...secrets, history: newHistory(new Date()) } : secrets;
}

/** A history that was begun for other data, which never came. */
function asBefore(secrets: BackupSecrets, former: ReleaseContent): BackupSecrets {
  const history = releasedBackup(former)?.history;
  return history === undefined || history === secrets.history ? secrets : { ...secrets, history };
}
