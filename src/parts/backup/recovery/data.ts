import {
  anyAnswer,
  filesRestored,
  listAnswer,
  restored as restoredAnswer,
  type ListAnswer,
  type Restored,
} from '../../../agent/backup/contract.ts';
import { historyOf } from '../history.ts';
import { agentFolders, backupService, filesService } from '../names.ts';
import { askOnce, writingForAll } from '../one-off.ts';
import { damageWords, memberMounts } from '../restore.ts';
import { cacheVolume } from '../../cache/index.ts';
import { memberService, releasedDatabase } from '../../database/index.ts';
import type { Compose } from '../../../engine/compose.ts';
import { OperatorError } from '../../../errors.ts';
import { unescaped } from '../../../platform/service.ts';
import type { ReleaseContent } from '../../../release/release.ts';

const first = memberService(1);
const ofFirst = { service: backupService, mounts: memberMounts([first]) };

interface Place {
  compose: Compose;
  content: ReleaseContent;
  say(text: string): void;
}

/** The volumes and the cache in the settings of the release's agent. */
function toldAgent({ compose }: ReleaseContent): { volumes: string[]; cache: boolean } {
  const text = compose.services[filesService]?.environment?.['HORME_BACKUP'] ?? '{"volumes":[],"cache":false}';
  return JSON.parse(unescaped(text)) as { volumes: string[]; cache: boolean };
}

export const filesToRestore = (content: ReleaseContent): string[] => toldAgent(content).volumes;
export const hasCache = (content: ReleaseContent): boolean =>
  toldAgent(content).cache && content.compose.volumes?.[cacheVolume] !== undefined;

/** Restores and checks the newest data of the newest history, beside the first member's data folder. */
export async function restoreDatabase({ compose, content, say }: Place, acceptsDamage: boolean): Promise<Restored> {
  const place = { compose, project: content.project };
  const list = await askOnce(place, content, { ...ofFirst, words: ['list'], answer: listAnswer }, say);
  const { stanza } = historyOf(
    { kind: 'latest' },
    { ...list, histories: list.histories.map(newestFirst) },
    releasedDatabase(content)?.version,
    'on an empty machine',
  );
  const into = ['--into', `${agentFolders.members}/${first}`];
  const words = ['restore', '--latest', '--stanza', stanza, ...into, ...damageWords(acceptsDamage)];
  return askOnce(place, content, { ...ofFirst, words, answer: restoredAnswer }, say);
}

/** A separate step because it is safe to repeat, while repeating the restore would leave a second copy behind. */
export async function swapDatabase({ compose, content, say }: Place): Promise<void> {
  const words = ['swap', '--stamp', 'recovery', '--members', first];
  await askOnce({ compose, project: content.project }, content, { ...ofFirst, words, answer: anyAnswer }, say);
}

/** On a new machine no history is the present one, so the newest name counts. */
const newestFirst = (history: ListAnswer['histories'][number]) => ({ ...history, current: false });

/** Point in time of the content; undefined: no repository has any. */
export interface FilesRestored {
  at?: string;
  /** Files could not be read when the snapshot was taken. */
  incomplete?: boolean;
}

export const restoreFiles = (place: Place, name: string): Promise<FilesRestored> =>
  files(place, name, ['--kind', 'volume', '--name', name]);

export const restoreCache = (place: Place): Promise<FilesRestored> => files(place, cacheVolume, ['--kind', 'cache']);

async function files({ compose, content, say }: Place, volume: string, which: string[]): Promise<FilesRestored> {
  const target = `${agentFolders.targets}/volume`;
  const restored = askOnce<FilesRestored>(
    { compose, project: content.project },
    content,
    {
      service: filesService,
      mounts: { [volume]: target },
      words: ['restore', ...which, '--latest', '--into', target],
      answer: filesRestored,
      powers: writingForAll,
    },
    say,
  );
  return restored.catch((error: unknown) => {
    // The volume was never backed up, for example because it was added just before the machine was lost.
    if (error instanceof OperatorError && error.code === 'no-snapshot') return {};
    throw error;
  });
}
