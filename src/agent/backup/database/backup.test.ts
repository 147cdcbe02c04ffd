import { expect, test } from 'vitest';
import { failure } from '../../failure.ts';
import { momentText, fromEpoch, parseMoment } from '../../moments.ts';
import type { Repository } from '../agent.ts';
import { clockAt, local, s3 } from '../testing.ts';
import { archiveWait, backUpAll, littleRoomIn } from './backup.ts';
import type { Backup } from './said.ts';
import { began, failureOf, historyOf, testWorld } from './testing.ts';
import type { World } from './world.ts';

const day = 24 * 3600;
const at = (seconds: number): string => momentText(fromEpoch(seconds));

test('archiving that fails for more than a minute is said before the backup waits for it', () => {
  const known = { archiveFailing: true, archiveFailingSince: '2026-11-24T15:00:00Z' };
  const after = (seconds: number) => new Date(parseMoment(known.archiveFailingSince).getTime() + seconds * 1000);
  expect(archiveWait(known, after(61))).toBe(
    'archiving fails since 2026-11-24T15:00:00Z: the backup waits up to 10 minutes for its WAL',
  );
  expect(archiveWait(known, after(59))).toBeUndefined();
  expect(archiveWait({ archiveFailing: false, archiveFailingSince: null }, after(0))).toBeUndefined();
  expect(archiveWait({}, after(0))).toBeUndefined();
});

test("a disk that is nearly full is named where it is the repository's", async () => {
  const said = (repository: Repository, free: number) => {
    const roomOf = async () => ({ totalBytes: 100 * 2 ** 20, freeBytes: free * 2 ** 20 });
    return littleRoomIn(testWorld({ scratch: { roomOf } }), repository);
  };
  expect(await said(local(1), 4)).toBe('; its disk has 4 MiB free');
  expect(await said(local(1), 5)).toBe('');
  expect(await said(s3(1), 0)).toBe('');
});

const taken = (ended: number): Backup => ({
  label: `backup-${ended}`,
  type: 'full',
  started: ended - 1,
  ended,
  walStart: '0'.repeat(24),
  walStop: '0'.repeat(24),
  databaseBytes: 1,
  repositoryBytes: 1,
  error: false,
});

/** One repository, of which is known which backups it has before one is taken; undefined: not even the stanza. */
class Stage {
  has: number[] | undefined = [];
  /** What pgBackRest says when it is to take a backup, or to expire. */
  fails: Record<string, Error> = {};
  readonly said: string[] = [];
  #now = began;
  #wasTaken = false;
  #world: World = testWorld({
    told: { repositories: [s3(2)] },
    clock: { ...clockAt(new Date()), now: () => fromEpoch(this.#now) },
    repositories: {
      call: async (command) => {
        if (command === 'backup') this.#wasTaken = true;
        const failed = this.fails[command];
        if (failed) throw failed;
        return '';
      },
      history: async () => {
        if (this.#wasTaken) {
          if (this.fails['history']) throw this.fails['history'];
          return historyOf([...(this.has ?? []).map(taken), taken(this.#now)]);
        }
        return this.has && historyOf(this.has.map(taken));
      },
      info: async () => ({ known: [historyOf([taken(this.#now)])], unreadable: new Map() }),
    },
  });

  get status() {
    return this.#world.status;
  }

  /** Another environment, with the same repository. */
  forget(): Promise<void> {
    return this.status.update((known) => {
      for (const name of Object.keys(known)) delete known[name as keyof typeof known];
    });
  }

  /** What is known of the repository then. */
  async backUp(now: number) {
    this.#now = now;
    this.#wasTaken = false;
    await backUpAll(this.#world, {}, (text) => this.said.push(text));
    return (await this.status.read()).repositories?.['2'] ?? {};
  }
}

test('backups that are gone are told for as long as they were promised', async () => {
  for (const gone of [[], undefined]) {
    const stage = new Stage();
    expect(await stage.backUp(began)).not.toHaveProperty('historyLost');
    stage.has = [began];
    expect(await stage.backUp(began + day)).not.toHaveProperty('historyLost');
    stage.has = gone;
    const lost = { foundAt: at(began + 2 * day), from: at(began), to: at(began + day) };
    expect((await stage.backUp(began + 2 * day)).historyLost).toEqual(lost);
    expect(stage.said).toContain(
      `repository 2 (s3): its backups from ${lost.from} to ${lost.to} are gone: it was emptied, or is another one now`,
    );
    stage.has = [began + 2 * day];
    expect((await stage.backUp(began + 32 * day)).historyLost).toEqual(lost);
    expect((await stage.backUp(began + 32 * day + 1)).historyLost).toBeNull();
  }
});

test('backups that are gone are told though none can be taken', async () => {
  const stage = new Stage();
  await stage.backUp(began);
  stage.fails = { history: failure('pgbackrest-failed', 'refused') };
  for (let attempt = 0; attempt < 2; attempt++) await failureOf(() => stage.backUp(began + 60));
  const known = (await stage.status.read()).repositories?.['2'];
  expect(known?.historyLost).toEqual({ foundAt: at(began + 60), from: at(began), to: at(began) });
  expect(known).toMatchObject({ lastBackupAt: null, lastError: 'refused' });
});

test("what can't be deleted is told, and is no failed backup", async () => {
  const stage = new Stage();
  stage.fails = { expire: failure('pgbackrest-failed', 'access denied') };
  const known = await stage.backUp(began);
  expect(known).toMatchObject({ lastExpireError: 'access denied', lastError: null, lastFailureAt: null });
  expect(stage.said.at(-1)).toBe('repository 2 (s3): what is too old could not be deleted: access denied');
  stage.fails = {};
  expect((await stage.backUp(began + 1)).lastExpireError).toBeNull();
});

test("a backup that would be older than the newest is told to be the clock's fault", async () => {
  const stage = new Stage();
  const said =
    "ERROR: [028]: new backup label '20261124-030003F' is not later than latest backup label '20271124-030003F'";
  stage.fails = { backup: failure('pgbackrest-failed', said) };
  const { message } = await failureOf(() => stage.backUp(began));
  expect(message).toContain(`the newest backup is of ${at(began)}, which is still to come`);
  expect(message).toContain("Set the machine's clock");
});

test('a backup that was wanted is not wanted any more', async () => {
  const stage = new Stage();
  await stage.status.update((known) => {
    known.stanza = historyOf([]).name;
    known.repositories = { 1: { backupWanted: 'WAL is missing' }, 2: { backupWanted: 'WAL is missing' } };
  });
  expect((await stage.backUp(began)).backupWanted).toBeNull();
  expect((await stage.status.read()).repositories?.['1']?.backupWanted).toBe('WAL is missing');
});
