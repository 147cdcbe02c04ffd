/**
 * Restores the database to a point in its past, beside the data that is there: into `<version>.restored` of a member's volume,
 * started, checked and stopped again. `swap` takes it into use.
 */

import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { failure, isFailure } from '../../failure.ts';
import { isFolder } from '../../folder.ts';
import type { OperatorError } from '../../../errors.ts';
import { named, type Agent, type Progress, type Repository } from '../agent.ts';
import type { Restored } from '../contract.ts';
import { stanzaOf } from './histories.ts';
import { readMark, restoredFolder } from './mark.ts';
import { writeConfiguration } from './pgbackrest.ts';
import { ask, byReach, newestIn, type Holding } from './reach.ts';
import { recover } from './recover.ts';
import { ofVersion } from './version.ts';
import { firstBackup, targetOf, wantedOf, type Request, type TargetOptions } from './target.ts';
import { newestOf, type Segment } from './wal.ts';
import { worldOf, type World } from './world.ts';

export interface RestoreOptions extends TargetOptions {
  /** The folder of a member's volume. */
  into: string;
  /** The present history unless given. */
  stanza?: string | undefined;
  /** By number; any that has it unless given. */
  repo?: number | undefined;
  acceptDamage?: boolean | undefined;
  /** Major version of the restored data; the present one unless given. */
  postgres?: number | undefined;
}

export async function runRestore(agent: Agent, options: RestoreOptions, progress: Progress): Promise<Restored> {
  const world = worldOf({ ...agent, told: await ofVersion(agent.told, options.postgres) });
  const member = await memberOf(world, options.into);
  const request = requestOf(world, options);
  // In a container of its own nothing has written it yet.
  await writeConfiguration(world);
  // Before it waits, and again after: that may have been for the same, left by a command that was killed.
  const before = await doneBefore(world, member, request, progress);
  if (before) return before;
  return world.lock.forARestore(progress, async () => {
    const done = await doneBefore(world, member, request, progress);
    return done ?? restoreFromAny(world, request, member, progress);
  });
}

async function memberOf({ folders }: World, into: string): Promise<string> {
  if (dirname(into) === folders.members && (await isFolder(into))) return into;
  throw failure('no-such-member', `${into} is no member's volume; they are mounted below ${folders.members}`);
}

function requestOf({ told }: World, options: RestoreOptions): Request {
  const stanza = options.stanza ?? stanzaOf(told);
  const { acceptDamage = false } = options;
  const repository = options.repo || null;
  const count = told.repositories.length;
  if (repository !== null && repository > count) {
    throw failure('no-such-repository', `there is no repository ${repository}; there are ${count}`);
  }
  return { ...targetOf(options), stanza, repository, acceptsDamage: acceptDamage };
}

export async function doneBefore(
  { told }: World,
  member: string,
  request: Request,
  progress: Progress,
): Promise<Restored | undefined> {
  const mark = await readMark(member);
  if (!mark || !isDeepStrictEqual(mark.request, wantedOf(request))) return undefined;
  if (!(await isFolder(restoredFolder(member, told.version)))) return undefined;
  // What was the latest then is not the latest now.
  const isAccepted = request.acceptsDamage || (mark.result.damage ?? []).length === 0;
  if (request.kind === 'latest' || !isAccepted) return undefined;
  progress('this was restored before, and is used again');
  return mark.result;
}

/** Ends it, whatever another repository has. */
const final = ['stopped', 'no-room', 'database-dropped'];
/** Damage can be accepted; that a target is out of reach says more than that a repository could not be asked. */
const telling = ['restored-damaged', 'target-unreachable'];

/**
 * From the first repository that has it. For the latest all are asked, where else those behind the first that has it are not:
 * they may hang. `recoverBy` is another one in tests.
 */
export async function restoreFromAny(
  world: World,
  request: Request,
  member: string,
  progress: Progress,
  recoverBy: typeof recover = recover,
): Promise<Restored> {
  const failed: OperatorError[] = [];
  const fails = (repository: Repository, error: unknown): void => {
    if (!isFailure(error) || final.includes(error.code)) throw error;
    progress(`${named(repository)}: ${error.message}`);
    failed.push(error);
  };
  let candidates: Holding[] | AsyncGenerator<Holding> = holdings(world, request, fails);
  let newest: Segment | undefined;
  if (request.kind === 'latest') {
    candidates = (await all(candidates)).sort(byReach);
    newest = newestOf(candidates.map(newestIn));
  }
  for await (const holding of candidates) {
    try {
      return await recoverBy(world, {
        request,
        holding,
        backup: firstBackup(request, holding),
        newest,
        member,
        progress,
      });
    } catch (error) {
      fails(holding.repository, error);
    }
  }
  throw mostTelling(failed);
}

function mostTelling(failed: readonly OperatorError[]): Error {
  const told = telling.flatMap((code) => failed.filter((one) => one.code === code))[0] ?? failed.at(-1);
  return told ?? new Error('no repository was asked');
}

/** In order, each when it is wanted. */
async function* holdings(
  { told, repositories }: World,
  request: Request,
  fails: (repository: Repository, error: unknown) => void,
): AsyncGenerator<Holding> {
  for (const repository of told.repositories) {
    if (request.repository !== null && request.repository !== repository.number) continue;
    let holding: Holding;
    try {
      holding = await ask(repositories, repository, request.stanza);
    } catch (error) {
      fails(repository, error);
      continue;
    }
    yield holding;
  }
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
