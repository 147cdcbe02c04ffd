/** A restore from one backup of one repository: the backup, the WAL after it, and the checks of both. */

import { rm } from 'node:fs/promises';
import { failure, isFailure } from '../../failure.ts';
import { fromEpoch, momentText, rounded } from '../../moments.ts';
import { named, type Progress } from '../agent.ts';
import type { Restored } from '../contract.ts';
import { markOf, restoredFolder, writeMark } from './mark.ts';
import type { Holding } from './reach.ts';
import { forgetRecovery } from './recovery-settings.ts';
import { replay, replayToTheEnd, type Replayed } from './replay.ts';
import { restoreBackup } from './restore-backup.ts';
import type { Backup } from './said.ts';
import { targetOptions, wantedOf, type Request } from './target.ts';
import type { Segment } from './wal.ts';
import type { World } from './world.ts';

const room = 1.1;
const accept = 'another moment, or, where this is all there is, the same with --accept-damage';

export interface Recovery {
  request: Request;
  holding: Holding;
  /** What it begins at. */
  backup: Backup;
  /** The newest WAL there is. Ended before it, that is said and not refused: it may be all that can be had. */
  newest: Segment | undefined;
  /** The folder of its volume. */
  member: string;
  progress: Progress;
}

export async function recover(world: World, recovery: Recovery): Promise<Restored> {
  const { scratch, clock, told } = world;
  const { request, holding, backup, member, progress } = recovery;
  const { repository } = holding;
  const now = (): number => clock.awake().steady;
  const folder = restoredFolder(member, told.version);
  await makeWay(world, recovery, folder);
  const started = now();
  progress(`${backup.label} of ${named(repository)} is restored`);
  const what = { stanza: request.stanza, number: repository.number, label: backup.label, folder };
  await restoreBackup(world, what, targetOptions(request));
  const restored = now();
  progress('WAL is replayed');
  const replayed = await replayAll(world, recovery);
  for (const one of replayed.missing) progress(`missing: ${one}`);
  const damage = [...replayed.problems, ...(await scratch.checksums(folder))];
  await forgetRecovery(folder);
  const result: Restored = {
    folder,
    label: backup.label,
    repository: repository.number,
    stanza: request.stanza,
    newestTransactionAt: replayed.newestTransaction ?? momentText(fromEpoch(backup.ended)),
    missing: replayed.missing,
    damage,
    bytes: await scratch.sizeOf(folder),
    tables: replayed.tables,
    seconds: {
      restore: rounded(restored - started),
      replay: rounded(replayed.at - restored),
      check: rounded(now() - replayed.at),
    },
  };
  // Damaged data too: who then accepts it need not wait for it again.
  await scratch.settle();
  await writeMark(member, { request: wantedOf(request), at: momentText(clock.now()), result });
  if (damage.length > 0 && !request.acceptsDamage) throw failure('restored-damaged', damage.join('\n'), accept);
  return result;
}

async function makeWay({ scratch }: World, { member, backup }: Recovery, folder: string): Promise<void> {
  await rm(markOf(member), { force: true });
  await scratch.remove(folder);
  await scratch.needRoom(member, backup.databaseBytes * room);
}

async function replayAll(world: World, recovery: Recovery): Promise<Replayed> {
  const { request, holding, newest } = recovery;
  try {
    return await replay(world, recovery, newest);
  } catch (error) {
    if (request.kind !== 'to' || !isFailure(error, 'target-unreachable')) throw error;
    return replayToTheEnd(world, recovery, request, holding);
  }
}
