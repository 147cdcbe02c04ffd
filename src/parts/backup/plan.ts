import type { Planning } from '../../deploy/part.ts';
import type { Draft } from '../../deploy/step.ts';
import { fingerprint } from '../../fingerprint.ts';
import type { ReleaseContent } from '../../release/release.ts';
import { secretsFolder } from '../../release/vault.ts';
import { backupStep } from './step.ts';
import { backupService } from './names.ts';
import { releasedBackup, setUpFor } from './sections.ts';

/** Of what the repositories were set up for; begins with the history. Another key of theirs is to be tried, too. */
export function backupFingerprint(content: Pick<ReleaseContent, 'parts' | 'compose'>): string {
  const backup = releasedBackup(content);
  if (backup?.history === undefined) return '';
  const volumes = content.compose.services[backupService]?.volumes;
  const secrets = volumes?.find(({ target }) => target === secretsFolder)?.source;
  return `${backup.history}-${fingerprint({ ...backup, secrets })}`;
}

/** Last, once the agent and the database run: from here on WAL is kept. The agent takes the first backup by itself. */
export function backupSetUp({ content, seen }: Planning): Draft[] {
  const wanted = backupFingerprint(content);
  if (wanted === '' || setUpFor(seen.applied) === wanted) return [];
  const cause = 'they do not know this database yet, or have another key';
  return [{ title: 'set up the repositories of the backups', cause, action: backupStep({ do: 'set-up' }) }];
}

/** Before something that can't be undone. */
export const backUpFirst = ({ content, seen }: Planning, cause: string): Draft[] =>
  releasedBackup(content)?.history === undefined || setUpFor(seen.applied) === ''
    ? []
    : [{ title: 'back up the database', cause, action: backupStep({ do: 'back-up' }) }];
