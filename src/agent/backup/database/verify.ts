/** Whether all that the repositories have is whole. */

import { failure, isFailure } from '../../failure.ts';
import { patientSeconds } from '../../lock.ts';
import { nice } from '../../programs.ts';
import { named, type Agent, type Progress, type Repository } from '../agent.ts';
import { archiveOf } from './histories.ts';
import type { Repositories } from './repository.ts';
import type { Stanza } from './said.ts';
import { gapText } from './wal.ts';
import { gapsOf } from './windows.ts';
import { worldOf, type World } from './world.ts';

/** Reads all that a repository has: a terabyte over a slow line. */
const verifySeconds = 24 * 3600;

const wrongFile = /INFO: +((?:invalid (?:checksum|size|result|verify)|file missing|missing)\b.*)/g;

export const verifyHistories = (agent: Agent, _options: unknown, progress: Progress): Promise<{ problems: string[] }> =>
  verify(worldOf(agent), progress);

export async function verify(world: World, progress: Progress): Promise<{ problems: string[] }> {
  const problems: string[] = [];
  await world.lock.oneAtATime(patientSeconds, progress, async () => {
    for (const repository of world.told.repositories) {
      const where = named(repository);
      progress(`${where}: every file is read`);
      const found = await wrongInRepository(world, repository);
      problems.push(...found.map((one) => `${where}: ${one}`));
    }
  });
  if (problems.length > 0) throw failure('verification-failed', problems.join('\n'));
  return { problems: [] };
}

async function wrongInRepository({ told, repositories }: World, { number }: Repository): Promise<string[]> {
  const wrong: string[] = [];
  try {
    const { known, unreadable } = await repositories.info(number);
    for (const history of known) wrong.push(...(await wrongIn(repositories, number, history)));
    wrong.push(...[...unreadable.values()].map(({ message }) => message));
    // One without a backup has nothing that could be wrong, which is not to be taken for well.
    if (!known.some(({ name, backups }) => name === told.stanza && backups.length > 0)) {
      wrong.push(`it has no readable backup of the present history ${told.stanza}`);
    }
    return wrong;
  } catch (error) {
    if (!isFailure(error)) throw error;
    return [error.message];
  }
}

async function wrongIn(repositories: Repositories, number: number, history: Stanza): Promise<string[]> {
  const gaps = gapsOf(history, await archiveOf(repositories, number, history.name));
  const missing = gaps.map((gap) => `WAL ${gapText(gap)} is missing`);
  const found = [...(await wrongFiles(repositories, number, history)), ...missing];
  return found.map((one) => `history ${history.name}: ${one}`);
}

async function wrongFiles({ call }: Repositories, repository: number, { name }: Stanza): Promise<string[]> {
  const options = ['--output=text', '--verbose', '--log-level-console=info'];
  let output: string;
  try {
    output = await call('verify', options, { stanza: name, repository, seconds: verifySeconds, nice });
  } catch (error) {
    if (!isFailure(error)) throw error;
    return [error.message];
  }
  // It exits with 0 whatever it finds; files are named in its log alone.
  if (output.includes('status: ok')) return [];
  const named = new Set([...output.matchAll(wrongFile)].map(([, file]) => file ?? ''));
  return named.size > 0 ? [...named] : [summary(output)];
}

function summary(output: string): string {
  const lines = output.split(/\r?\n/).filter((line) => !line.includes(' INFO: '));
  return lines
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join(' / ');
}
