import type { Seen } from '../../deploy/observe.ts';
import type { Draft } from '../../deploy/step.ts';
import type { ReleaseContent } from '../../release/release.ts';
import { fingerprint } from '../../fingerprint.ts';
import { secretsFolder } from '../../release/vault.ts';
import { backupService } from './names.ts';

/** Of what the repositories were set up for; begins with the history. Another key of theirs is to be tried, too. */
export function backupFingerprint({ backup, compose }: Pick<ReleaseContent, 'backup' | 'compose'>): string {
  if (backup?.history === undefined) return '';
  const secrets = compose.services[backupService]?.volumes?.find(({ target }) => target === secretsFolder)?.source;
  return `${backup.history}-${fingerprint({ ...backup, secrets })}`;
}

/** Last, once the agent and the database run: from here on WAL is kept. The agent takes the first backup by itself. */
export function backupSetUp(content: ReleaseContent, seen: Seen): Draft[] {
  const wanted = backupFingerprint(content);
  if (wanted === '' || seen.applied.backup === wanted) return [];
  const cause = 'they do not know this database yet, or have another key';
  return [{ title: 'set up the repositories of the backups', cause, action: { do: 'set-up-backups' } }];
}

/** Before something that can't be undone. */
export const backUpFirst = ({ backup }: ReleaseContent, seen: Seen, cause: string): Draft[] =>
  backup?.history === undefined || seen.applied.backup === ''
    ? []
    : [{ title: 'back up the database', cause, action: { do: 'back-up' } }];
