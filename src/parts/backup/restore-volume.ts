import type * as z from 'zod';
import { filesRestored, volumeDifferences as volumeDifferencesAnswer } from '../../agent/backup/contract.ts';
import { until } from '../../deploy/context.ts';
import type { Container } from '../../engine/engine.ts';
import { labels } from '../../engine/labels.ts';
import { OperatorError, exitCodes } from '../../errors.ts';
import type { ReleaseContent } from '../../release/release.ts';
import { volumeLabels } from '../../release/store.ts';
import type { Session } from '../../deploy/session.ts';
import { agentFolders, filesService } from './names.ts';
import { askOnce, writingForAll } from './one-off.ts';
import { targetText } from './target.ts';

/** The newest snapshot, or the newest that is not younger than this. */
export type SnapshotTarget = { at: Date } | 'latest' | { snapshot: string };

export interface VolumeDifferences {
  at: string;
  /** True if some files could not be read when the snapshot was taken. */
  incomplete: boolean;
  counts: { added: number; changed: number; removed: number };
}

/** For a volume of terabytes; seconds. */
const leftSeconds = 24 * 3600;

const words = (target: SnapshotTarget): string[] => {
  if (target === 'latest') return ['--latest'];
  return 'snapshot' in target ? ['--snapshot', target.snapshot] : ['--at', targetText(target.at)];
};

export const restoredVolume = (name: string) => `${name}-restored`;

/**
 * Restores into a separate volume, without touching production's, and returns the differences. Files that a swap would
 * remove count as `added`.
 */
export async function volumeDifferences(
  session: Session,
  content: ReleaseContent,
  name: string,
  target: SnapshotTarget,
): Promise<VolumeDifferences> {
  const into = restoredVolume(name);
  const { snapshot, repository, incomplete = false } = await restoreInto(session, content, name, target, into);
  // Names the restored snapshot, not the target: a backup that ended meanwhile may be newer than what was restored.
  const same = ['--snapshot', snapshot, '--repo', String(repository)];
  const diff = ['diff', '--kind', 'volume', '--name', name, ...same];
  return { ...(await askFiles(session, content, {}, diff, volumeDifferencesAnswer)), incomplete };
}

export function differenceLines(name: string, { at, incomplete, counts }: VolumeDifferences): string {
  const parts = [`${counts.removed} files come back`, `${counts.changed} change`, `${counts.added} of now go`];
  const lacks = incomplete ? '; it lacks files that could not be read when it was saved' : '';
  return `volume ${name} of ${targetText(new Date(at))}: ${parts.join(', ')}${lacks}`;
}

/**
 * Volumes can't be renamed, and a run may be killed. So an empty marker volume exists for as long as the restored
 * volume is incomplete. If the marker is found, the same command starts again from the beginning.
 */
export async function restoreVolumeAs(
  session: Session,
  content: ReleaseContent,
  name: string,
  target: SnapshotTarget,
  as: string,
): Promise<void> {
  const { engine, stack } = session;
  const volume = `${stack.project}_${as}`;
  const sign = `horme-restoring-${as}`;
  const unfinished = `${stack.project}_${sign}`;
  // Includes volumes without Horme's labels: `create` would return an existing volume as if it were new.
  const names = (await engine.volumes({})).map((one) => one.name);
  if (names.includes(unfinished)) await removeUnfinished(session, volume);
  else if (names.includes(volume)) throw exists(as);
  await engine.createVolume(unfinished, volumeLabels(stack.project, sign));
  try {
    await restoreInto(session, content, name, target, as);
  } catch (error) {
    await engine.removeVolume(volume);
    await engine.removeVolume(unfinished);
    throw error;
  }
  await engine.removeVolume(unfinished);
}

/** First removes an agent that a killed run has left, since it may still write into the volume. */
async function removeUnfinished(session: Session, volume: string): Promise<void> {
  for (const { id } of await leftAgents(session)) await session.engine.remove(id);
  await session.engine.removeVolume(volume);
}

/**
 * Waits, for a day at most, for an agent that a killed run has left: it may be swapping a volume. Its container also
 * keeps its volumes in use until it is removed.
 */
async function leftAgentsEnded(session: Session): Promise<void> {
  const { engine, emit, signal } = session;
  for (const { id, name } of await leftAgents(session)) {
    const runs = async () => (await engine.inspect(id))?.running === true;
    if (await runs()) {
      emit({ kind: 'note', text: `${name}, which a killed run left, is waited for` });
      await until(async () => !(await runs()), { seconds: leftSeconds, everyMilliseconds: 1000, signal });
    }
    await engine.remove(id);
  }
}

const leftAgents = ({ engine, stack }: Session): Promise<Container[]> =>
  engine.containers({
    [labels.project]: stack.project,
    [labels.service]: filesService,
    [labels.oneOff]: 'True',
  });

async function restoreInto(
  session: Session,
  content: ReleaseContent,
  name: string,
  target: SnapshotTarget,
  into: string,
): Promise<{ snapshot: string; repository: number; incomplete?: boolean }> {
  const { engine, stack } = session;
  const volume = `${stack.project}_${into}`;
  if (into === restoredVolume(name)) {
    await leftAgentsEnded(session);
    await engine.removeVolume(volume);
  }
  await engine.createVolume(volume, volumeLabels(stack.project, into));
  const where = `${agentFolders.targets}/volume`;
  const command = ['restore', '--kind', 'volume', '--name', name, ...words(target), '--into', where];
  return askFiles(session, content, { [into]: where }, command, filesRestored);
}

export function askFiles<T>(
  { compose, stack, emit }: Session,
  content: ReleaseContent,
  mounts: Record<string, string>,
  command: string[],
  answer: z.ZodType<T>,
): Promise<T> {
  return askOnce(
    { compose, project: stack.project },
    content,
    { service: filesService, mounts, words: command, answer, powers: writingForAll },
    (text) => emit({ kind: 'note', text }),
  );
}

const exists = (name: string) =>
  new OperatorError(`there is a volume ${name} already`, {
    code: 'volume-exists',
    exitCode: exitCodes.usage,
    next: 'another name for --as',
  });
