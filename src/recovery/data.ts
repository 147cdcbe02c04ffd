import type { ListAnswer } from '../backup/agent-types.ts';
import { historyOf } from '../backup/history.ts';
import { agentFolders, backupService, filesService } from '../backup/names.ts';
import { askOnce, writingForAll } from '../backup/one-off.ts';
import { memberMounts, type Restored } from '../backup/restore.ts';
import { cacheVolume } from '../cache/part.ts';
import { memberService } from '../database/names.ts';
import type { Compose } from '../engine/compose.ts';
import type { ReleaseContent } from '../release/release.ts';

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
  return JSON.parse(text.replaceAll('$$', '$')) as { volumes: string[]; cache: boolean };
}

export const filesToRestore = (content: ReleaseContent): string[] => toldAgent(content).volumes;
export const hasCache = (content: ReleaseContent): boolean =>
  toldAgent(content).cache && content.compose.volumes?.[cacheVolume] !== undefined;

/** The newest of the newest history, checked, beside where the first member will look for its data. */
export async function restoreDatabase({ compose, content, say }: Place): Promise<Restored> {
  const place = { compose, project: content.project };
  const list = await askOnce<ListAnswer>(place, content, { ...ofFirst, words: ['list'] }, say);
  const { stanza } = historyOf(
    { kind: 'latest' },
    { ...list, histories: list.histories.map(newestFirst) },
    content.database?.version,
    'on an empty machine',
  );
  const words = ['restore', '--latest', '--stanza', stanza, '--into', `${agentFolders.members}/${first}`];
  return askOnce<Restored>(place, content, { ...ofFirst, words }, say);
}

/** A step of its own: repeated, it changes nothing, where restoring again would leave a second copy behind. */
export async function swapDatabase({ compose, content, say }: Place): Promise<void> {
  const words = ['swap', '--stamp', 'recovery', '--members', first];
  await askOnce({ compose, project: content.project }, content, { ...ofFirst, words }, say);
}

/** On a new machine none is the present one: the newest by its name is. */
const newestFirst = (history: ListAnswer['histories'][number]) => ({ ...history, current: false });

export async function restoreFiles({ compose, content, say }: Place, name: string): Promise<{ at: string }> {
  return files({ compose, content, say }, name, ['--kind', 'volume', '--name', name]);
}

export const restoreCache = (place: Place): Promise<{ at: string }> => files(place, cacheVolume, ['--kind', 'cache']);

async function files({ compose, content, say }: Place, volume: string, which: string[]): Promise<{ at: string }> {
  const target = `${agentFolders.targets}/volume`;
  return askOnce<{ at: string }>(
    { compose, project: content.project },
    content,
    {
      service: filesService,
      mounts: { [volume]: target },
      words: ['restore', ...which, '--latest', '--into', target],
      powers: writingForAll,
    },
    say,
  );
}
