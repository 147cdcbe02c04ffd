/** Replays WAL into what was restored, by a Postgres of its own, and looks at what it then has. */

import { rm } from 'node:fs/promises';
import { failure, isFailure } from '../../failure.ts';
import { epochSeconds, parseMoment } from '../../moments.ts';
import type { Progress } from '../agent.ts';
import type { Restored } from '../contract.ts';
import { beingDropped } from './checks.ts';
import { restoredFolder, restoredLog } from './mark.ts';
import { notReached } from './prove.ts';
import { ask, newestIn, type Holding } from './reach.ts';
import { forgetTarget } from './recovery-settings.ts';
import { secondsOf, type Request } from './target.ts';
import { compare, type Segment } from './wal.ts';
import type { World } from './world.ts';

export interface Replayed {
  /** In steady seconds: when recovery ended. */
  at: number;
  newestTransaction: string | undefined;
  missing: string[];
  problems: string[];
  tables: Restored['tables'];
}

/** Where it is replayed. */
export interface Place {
  member: string;
  progress: Progress;
}

export async function replay(
  world: World,
  { member, progress }: Place,
  newest: Segment | undefined,
): Promise<Replayed> {
  const { scratch, told, clock } = world;
  const { version, databaseName } = told;
  const [folder, log] = [restoredFolder(member, version), restoredLog(member, version)];
  const found = await scratch.running(folder, log, progress, async (server) => {
    const at = clock.awake().steady;
    refuseDropped(databaseName, await scratch.connectionLimit(server, databaseName));
    const missing = notReached(newest, await scratch.replayedTo(folder), await scratch.complaints(server));
    const newestTransaction = await scratch.newestTransaction(server);
    progress('tables and indexes are checked');
    const problems = await scratch.amcheck(server);
    const tables = await scratch.rows(server, databaseName, { damaged: problems.length > 0 });
    return { at, newestTransaction, missing, problems, tables };
  });
  await rm(log, { force: true });
  return found;
}

/** Pure. A recovery stops at commits alone, and a database that is dropped is gone before the drop is committed. */
export function refuseDropped(name: string, limit: number | undefined): void {
  if (limit === undefined) {
    const what = `at that moment there is no database ${name}`;
    throw failure('database-dropped', what, 'a moment before it was dropped');
  }
  if (limit === beingDropped) {
    const what = `the database ${name} was dropped before anything else was committed after that moment`;
    throw failure('database-dropped', what, 'a moment that is 15 s earlier, which has a commit after it');
  }
}

/**
 * Postgres knows that a time is reached by a transaction after it. Where the archive has none, and gets none meanwhile, its end
 * is all that is known of that time.
 */
export async function replayToTheEnd(
  world: World,
  place: Place,
  request: Request,
  holding: Holding,
): Promise<Replayed> {
  const now = await ask(world.repositories, holding.repository, request.stanza);
  if (compare(newestIn(now), newestIn(holding)) > 0) {
    place.progress('more WAL has arrived: it is replayed too');
    return replay(world, place, undefined).catch((error: unknown) => {
      if (isFailure(error, 'target-unreachable')) return replayToTheEnd(world, place, request, now);
      throw error;
    });
  }
  place.progress('nothing of the archive was committed after that time: WAL is replayed to its end');
  await forgetTarget(restoredFolder(place.member, world.told.version));
  const replayed = await replay(world, place, newestIn(now));
  refuseUnknown(replayed, request);
  const from = replayed.newestTransaction ?? 'the backup';
  const unknown = `the archive has no transaction from ${from} to ${request.value}, and what comes later in it is not known`;
  return { ...replayed, missing: [unknown] };
}

function refuseUnknown({ missing, newestTransaction: newest }: Replayed, { value }: Request): void {
  if (missing.length > 0) throw failure('target-unreachable', missing.join('; '), 'horme backup list');
  if (newest !== undefined && value !== null && epochSeconds(parseMoment(newest)) > secondsOf(value)) {
    throw failure('target-unreachable', 'WAL of after that time arrived meanwhile: begin again');
  }
}
