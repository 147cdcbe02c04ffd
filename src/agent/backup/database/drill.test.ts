import { expect, test } from 'vitest';
import { isFailure } from '../../failure.ts';
import { Programs } from '../../programs.ts';
import type { Status } from '../known.ts';
import { addProof, newestProofs } from '../proofs.ts';
import { quiet } from '../testing.ts';
import { drill, type StanzaProof } from './drill.ts';
import { backupOf, historyOf, stanza, testWorld } from './testing.ts';
import type { World } from './world.ts';

const proofOf = (repository: number, changes: Partial<StanzaProof> = {}): StanzaProof => ({
  at: '2026-11-24T15:00:00Z',
  stanza,
  label: 'backup-1',
  repository,
  ok: true,
  problems: [],
  seconds: 1,
  restoreSeconds: 1,
  replaySeconds: 0,
  checkSeconds: 1,
  bytes: 1,
  secondsPerGibibyte: 1,
  newestTransactionAt: null,
  newestTransactionAgeSeconds: null,
  ...changes,
});

test('drills of one repository push out no failure of another', () => {
  const known: Status = {};
  const failed = proofOf(1, { ok: false, problems: ['damaged'] });
  addProof(known, failed);
  for (let number = 0; number <= 100; number++) addProof(known, proofOf(2, { bytes: number }));
  const newest = newestProofs(known, stanza);
  expect(newest.get(1)).toEqual(failed);
  expect(newest.get(2)).toMatchObject({ bytes: 100 });
  expect(known.proofs).toHaveLength(101);
});

function stage(): World {
  return testWorld({
    programs: new Programs({ lookSeconds: 0.05 }),
    repositories: { history: async () => historyOf([backupOf(1)]) },
  });
}

const want = ({ status }: World, number: string): Promise<void> =>
  status.update((known) => {
    known.repositories = { ...known.repositories, [number]: { backupWanted: 'WAL is missing' } };
  });

/** What a drill ends with that runs this program; for each line that it prints, a backup is wanted in that repository. */
async function drilled(world: World, program: string): Promise<unknown> {
  const provedBy = async (): Promise<StanzaProof> => {
    const wishes: Promise<void>[] = [];
    const onLine = (number: string) => void wishes.push(want(world, number));
    await world.programs.run(['sh', '-c', program], { seconds: 5, onLine });
    await Promise.all(wishes);
    return proofOf(1);
  };
  return drill(world, {}, quiet, provedBy).then(
    () => undefined,
    (error: unknown) => error,
  );
}

test('a backup that covers a new gap comes first, and the drill counts as none', async () => {
  const world = stage();
  const stopped = await drilled(world, 'echo 2; sleep 4');
  expect(isFailure(stopped, 'stopped')).toBe(true);
  expect(await world.status.read()).not.toHaveProperty('proofs');
  // One that was wanted already may be of a repository that is away for days.
  expect(await drilled(world, 'echo 2; sleep 0.3')).toBeUndefined();
  expect(await drilled(world, 'echo 1; sleep 4')).toMatchObject({
    message: expect.stringContaining('WAL is missing') as string,
  });
});

test('a gap that is found while the drill waits for its turn ends it too', async () => {
  const world = stage();
  const { lock } = world;
  lock.untilARestoreWaits = async (_seconds, _progress, work) => {
    await want(world, '2');
    return work();
  };
  expect(isFailure(await drilled(world, 'true'), 'stopped')).toBe(true);
});
