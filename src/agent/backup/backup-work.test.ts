import { mkdirSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../clock.ts';
import { failure } from '../failure.ts';
import { afterSeconds, momentText } from '../moments.ts';
import { Worker } from '../worker.ts';
import type { Told } from './agent.ts';
import { BackupWork } from './backup-work.ts';
import { stateFolder } from './files/sources.ts';
import type { KnownRepository } from './known.ts';
import { clockAt, local, quiet, s3, temporaryFolders, testAgent } from './testing.ts';

const now = new Date('2026-11-24T04:30:00Z');
const taken = momentText(afterSeconds(now, -3600));
const never = '0 0 31 2 *';

/** Notes what is started in place of doing it. */
class Noting extends Worker {
  started: string[] = [];

  override start(kind: string): void {
    this.started.push(kind);
  }

  fail(kind: string): Promise<void> {
    super.start(
      kind,
      () => Promise.reject(failure('backup-failed', 'away')),
      async () => undefined,
    );
    return this.join(5);
  }
}

let worker: Noting;
beforeEach(() => void (worker = new Noting(quiet)));

/** A clock that the test moves. */
class MovedClock implements Clock {
  reading = { wall: now, steady: 0, boot: 'boot-1' };
  now = () => this.reading.wall;
  read = () => this.reading;
  awake = () => this.reading;
}

function workOf(told: Partial<Told>, clock: Clock = clockAt(now), folders = temporaryFolders()) {
  const agent = testAgent({ told, clock, folders });
  return { agent, work: new BackupWork(agent, { backup: async () => ({}), drill: async () => ({}) }, quiet) };
}

test("a new gap's backup waits for no other repository, and so for no drill that gave way to it", async () => {
  const { agent, work } = workOf({ role: 'database', repositories: [local(1), s3(2)] });
  const startedByATick = async (first: boolean, second: boolean): Promise<string[]> => {
    const entry = (wanted: boolean): Partial<KnownRepository> => ({
      lastBackupAt: taken,
      backupWanted: wanted ? 'WAL is missing' : null,
    });
    await agent.status.update((known) => {
      Object.assign(known, { repositories: { 1: entry(first), 2: entry(second) }, lastSlot: taken });
    });
    worker.started = [];
    await work.startWhatIsDue(worker);
    return worker.started;
  };
  expect(await startedByATick(false, true)).toEqual(['backup']);
  await worker.fail('backup');
  expect(await startedByATick(false, true)).toEqual(['drill']);
  expect(await startedByATick(true, true)).toEqual(['backup']);
  await worker.fail('backup');
  expect(await startedByATick(true, true)).toEqual(['drill']);
});

describe('of files', () => {
  test('no backup begins in the tick of a jump over a slot, and an hour later one does', async () => {
    const clock = new MovedClock();
    const { agent, work } = workOf({ volumes: [], drillSchedule: never }, clock);
    const repositories = { 1: { lastBackupAt: taken, lastError: null, sources: [] } };
    await agent.status.update(
      (known) => void Object.assign(known, { repositories, lastSlot: taken, lastDrillSlot: taken }),
    );
    for (const [steady, hours] of [
      [1, 0],
      [2, 24],
      [3601, 25],
      [3662, 25],
    ] as const) {
      clock.reading = { wall: afterSeconds(now, hours * 3600), steady, boot: 'boot-1' };
      await work.tick(worker);
      expect(worker.started).toEqual(steady === 3662 ? ['backup'] : []);
    }
  });

  test('they are drilled by the schedule once the state is saved', async () => {
    const { agent, work } = workOf({ volumes: [] });
    mkdirSync(stateFolder(agent.folders));
    const repositories = { 1: { lastBackupAt: taken, lastError: null, sources: ['kind=state'] } };
    await agent.status.update((known) => void Object.assign(known, { repositories, lastSlot: taken }));
    await work.startWhatIsDue(worker);
    await work.startWhatIsDue(worker);
    expect(worker.started).toEqual(['state', 'drill']);
  });
});

test('a schedule that is none ends it before it begins', async () => {
  await expect(workOf({ schedule: 'at night' }).work.begin()).rejects.toThrow('a schedule has five');
});

test('of a database that there is not yet there is nothing to do', async () => {
  const { work } = workOf({ role: 'database', stanza: null });
  await work.startWhatIsDue(worker);
  expect(worker.started).toEqual([]);
});
