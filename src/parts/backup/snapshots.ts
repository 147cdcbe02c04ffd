import { OperatorError, exitCodes } from '../../errors.ts';
import type { SnapshotsAnswer } from '../../agent/backup/contract.ts';
import { timeText } from './report.ts';
import type { SnapshotTarget } from './restore-volume.ts';
import { targetText } from './target.ts';

/**
 * Looked at before anything is restored: the database takes hours. `next` is what can be typed instead. A repository that
 * could not be asked may have it, and what it said is told.
 */
export function refuseMissing(
  volumes: string[],
  target: SnapshotTarget,
  { snapshots, problems = [] }: SnapshotsAnswer,
  next: string,
): void {
  for (const volume of volumes) {
    const all = snapshots.filter(({ kind, name }) => kind === 'volume' && name === volume);
    if (all.some((one) => fits(one, target))) continue;
    const oldest = all.map(({ at }) => at).sort((a, b) => Date.parse(a) - Date.parse(b))[0];
    const seen = [
      oldest === undefined ? 'it has none at all' : `its oldest is of ${timeText(oldest)}`,
      ...problems.map(({ message }) => message),
    ];
    throw new OperatorError(`the volume ${volume} has no snapshot ${words(target)}`, {
      code: 'no-snapshot',
      exitCode: exitCodes.checkFailed,
      lastSeen: seen.join('\n'),
      next,
    });
  }
}

function fits({ id, at }: { id: string; at: string }, target: SnapshotTarget): boolean {
  if (target === 'latest') return true;
  return 'snapshot' in target ? id.startsWith(target.snapshot) : Date.parse(at) <= target.at.getTime();
}

function words(target: SnapshotTarget): string {
  if (target === 'latest') return 'yet';
  return 'snapshot' in target ? target.snapshot : `from before ${targetText(target.at)}`;
}
