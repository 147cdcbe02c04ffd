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

/** What the release's agent is told: which volumes there are, and whether there is a cache. */
function toldAgent({ compose }: ReleaseContent): { volumes: string[]; cache: boolean } {
  const text = compose.services[filesService]?.environment?.['HORME_BACKUP'] ?? '{"volumes":[],"cache":false}';
  return JSON.parse(unescaped(text)) as { volumes: string[]; cache: boolean };
}

export const filesToRestore = (content: ReleaseContent): string[] => toldAgent(content).volumes;
export const hasCache = (content: ReleaseContent): boolean =>
  toldAgent(content).cache && content.compose.volumes?.[cacheVolume] !== undefined;

/** The newest of the newest history, checked, beside where the first member will look for its data. */
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

/** A step of its own: repeated, it changes nothing, where restoring again would leave a second copy behind. */
export async function swapDatabase({ compose, content, say }: Place): Promise<void> {
  const words = ['swap', '--stamp', 'recovery', '--members', first];
  await askOnce({ compose, project: content.project }, content, { ...ofFirst, words, answer: anyAnswer }, say);
}

/** On a new machine none is the present one: the newest by its name is. */
const newestFirst = (history: ListAnswer['histories'][number]) => ({ ...history, current: false });

/** Of when the content is; undefined: no repository has any of it yet. */
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
    // Listed a moment before the machine was lost, or never backed up: nothing is there to wait for.
    if (error instanceof OperatorError && error.code === 'no-snapshot') return {};
    throw error;
  });
}
