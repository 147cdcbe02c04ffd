/** Makes the repositories ready: each has a stanza, and the WAL of the database arrives in it. */

import { failure, isFailure, messageOf } from '../../failure.ts';
import { momentText, stopwatch } from '../../moments.ts';
import { pause } from '../../wait.ts';
import { named, type Agent, type Progress, type Repository, type Told } from '../agent.ts';
import type { SetUpAnswer } from '../contract.ts';
import { stanzaOf } from './histories.ts';
import { ownConfiguration } from './pgbackrest.ts';
import type { Repositories } from './repository.ts';
import type { Stanza } from './said.ts';
import { worldOf, type World } from './world.ts';

/** `check` waits a minute for the WAL that it switches, for each repository. */
const checkSeconds = 600;
/** Another command makes the stanzas in seconds. */
const readySeconds = 60;
const againSeconds = 1;
/** pgBackRest's words for WAL that did not arrive in a minute. */
const late = '[082]';
/** Here, and at a member, which is pushing WAL: there it is one of the reasons behind another error. */
const locked = ['[050]', 'LockAcquireError'];

/** Safe to repeat. All repositories are tried, so that all that is wrong is said at once. */
export async function setUp(agent: Agent, _options: unknown, progress: Progress): Promise<SetUpAnswer> {
  const world = worldOf(agent);
  const { told, status, clock } = world;
  const stanza = stanzaOf(told);
  const wrong: string[] = [];
  for (const repository of told.repositories) {
    try {
      await makeReady(world, stanza, repository);
      progress(`${named(repository)} is ready`);
    } catch (error) {
      if (!isFailure(error)) throw error;
      wrong.push(`${named(repository)}: ${error.message}`);
    }
  }
  if (wrong.length > 0) throw failure('repository-unreachable', wrong.join('\n'));
  await check(world.repositories, told, stanza);
  progress('WAL of the database arrives in all repositories');
  // An agent that tried before there was a database would wait for minutes.
  await status.update((known) => void (known.setUpAt = momentText(clock.now())));
  return { stanza, repositories: told.repositories.map(({ number }) => number) };
}

/**
 * The stanza as it is; undefined where it was not there, and is made. `check` says when it belongs to another database. Another
 * command may be making it, or use the repository, which pgBackRest refuses at once.
 */
export async function makeReady(
  { repositories, folders, programs }: World,
  stanza: string,
  { number }: Repository,
): Promise<Stanza | undefined> {
  const elapsed = stopwatch();
  for (;;) {
    const known = await knownStanza(repositories, stanza, number);
    if (known) return known;
    try {
      const configuration = ownConfiguration(folders.run, number);
      await repositories.call('stanza-create', [], { stanza, configuration, seconds: checkSeconds });
      return undefined;
    } catch (error) {
      const isLocked = locked.some((word) => messageOf(error).includes(word));
      if (!isFailure(error) || !isLocked || elapsed() > readySeconds) throw error;
    }
    await pause(againSeconds, programs.signal);
  }
}

export async function knownStanza(
  repositories: Repositories,
  stanza: string,
  number: number,
): Promise<Stanza | undefined> {
  const found = await repositories.history(number, stanza);
  return found?.systemId ? found : undefined;
}

/** Once more where WAL is late: a push that began before its repository was ready waits for a minute, and the next one goes. */
async function check({ call }: Repositories, { members }: Told, stanza: string): Promise<void> {
  const once = () => call('check', [], { stanza, seconds: checkSeconds });
  try {
    await once().catch((error: unknown) => {
      if (isFailure(error) && error.message.includes(late)) return once();
      throw error;
    });
  } catch (error) {
    if (!isFailure(error)) throw error;
    throw failure('archive-failing', error.message, `horme logs ${members.join(' ')}`, error);
  }
}
