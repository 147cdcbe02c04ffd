import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { failure } from '../../failure.ts';
import type { Restored } from '../contract.ts';
import { quiet, temporaryFolders } from '../testing.ts';
import { notReached } from './prove.ts';
import type { Holding } from './reach.ts';
import { recover } from './recover.ts';
import { refuseDropped } from './replay.ts';
import { doneBefore } from './restore.ts';
import type { Server } from './server.ts';
import type { Request } from './target.ts';
import { backupOf, failureOf, holdingOf, latest, noServer, testWorld, toMinute } from './testing.ts';
import { nameOf, type Segment } from './wal.ts';
import type { World } from './world.ts';

const at = (position: number): Segment => ({ timeline: 1, position });
const endedEarly = failure('target-unreachable', 'ended before the target');
const configuration = `shared_buffers = '1GB'
restore_command = 'pgbackrest archive-get'
recovery_target_time = '2026-11-24'
recovery_target_action = 'promote'
`;

test('a database that is not there, or only half, is refused with what to type', async () => {
  refuseDropped('shop', -1);
  for (const [limit, next] of [
    [undefined, 'a moment before it was dropped'],
    [-2, '15 s earlier'],
  ] as const) {
    const refused = await failureOf(() => refuseDropped('shop', limit));
    expect(refused.code).toBe('database-dropped');
    expect(refused.next).toContain(next);
  }
});

test('less than there is is said', () => {
  expect(notReached(at(6), at(6), [])).toEqual([]);
  expect(notReached(undefined, at(1), [])).toEqual([]);
  expect(notReached(at(6), at(4), ['ERROR: damaged'])).toEqual([
    `WAL after ${nameOf(at(4))} can't be read, though the archive has ${nameOf(at(6))} (ERROR: damaged)`,
  ]);
});

/** Recovery reads four segments. */
class Stage {
  found: Holding = holdingOf(1, [1], [1, 2, 3, 4, 5, 6]);
  /** What the repository has when it is asked once more. */
  then: Holding | undefined;
  newestTransaction: string | undefined;
  damage: string[] = [];
  /** What comes of each start of Postgres: an error, or nothing. */
  starts: (Error | undefined)[] = [undefined];
  /** What Postgres is configured with at each start. */
  readonly configured: string[] = [];
  readonly said: string[] = [];
  readonly folders = temporaryFolders();
  readonly member = join(this.folders.members, 'horme-postgres-1');
  readonly world: World = this.#world();

  #world(): World {
    mkdirSync(this.member);
    return testWorld({
      folders: this.folders,
      repositories: {
        call: async () => {
          writeFileSync(join(this.member, '17.restored', 'postgresql.auto.conf'), configuration);
          return '';
        },
        history: async () => (this.then ?? this.found).history,
        listing: async () => new Map((this.then ?? this.found).archive.map((one) => [pathOf(one), one.at])),
      },
      scratch: {
        newestTransaction: async () => this.newestTransaction,
        replayedTo: async () => at(4),
        complaints: async () => [],
        amcheck: async () => [...this.damage],
        rows: async () => ({}),
        checksums: async () => [],
        connectionLimit: async () => -1,
        settle: async () => undefined,
        running: async <T>(_data: string, _log: string, _progress: unknown, work: (server: Server) => Promise<T>) => {
          if (this.starts.length === 0) throw new Error('started too often');
          this.configured.push(readFileSync(join(this.member, '17.restored', 'postgresql.auto.conf'), 'utf8'));
          const failed = this.starts.shift();
          if (failed) throw failed;
          return work(noServer);
        },
      },
    });
  }

  restored(request: Request, newest?: Segment): Promise<Restored> {
    const { member } = this;
    const progress = (text: string) => void this.said.push(text);
    return recover(this.world, { request, holding: this.found, backup: backupOf(1), newest, member, progress });
  }
}

const pathOf = (one: Segment): string => `17-1/${nameOf(one).slice(0, 16)}/${nameOf(one)}-${'0'.repeat(40)}.zst`;

test('a restore that ends early is said, and told in its result', async () => {
  const stage = new Stage();
  const { missing = [] } = await stage.restored(latest, at(6));
  expect(missing).toHaveLength(1);
  expect(stage.said).toContain(`missing: ${missing[0]}`);
});

test("a time after the last transaction is the end of all WAL, and pgBackRest's target is forgotten for it", async () => {
  const stage = new Stage();
  stage.found = holdingOf(1, [1], [1, 2, 3, 4]);
  stage.starts = [endedEarly, undefined];
  const { missing = [] } = await stage.restored(toMinute(3.9));
  expect(missing).toEqual([expect.stringMatching('no transaction from the backup to ') as string]);
  const [first, second] = stage.configured;
  expect(first).toContain('recovery_target_time');
  expect(second).toContain('restore_command');
  expect(second).not.toContain('recovery_target_');
});

test('WAL that arrives meanwhile is replayed to the time', async () => {
  const stage = new Stage();
  stage.found = holdingOf(1, [1], [1, 2, 3]);
  stage.then = holdingOf(1, [1], [1, 2, 3, 4]);
  stage.starts = [endedEarly, undefined];
  expect((await stage.restored(toMinute(3.9))).missing).toEqual([]);
});

test('nothing of after the time is restored', async () => {
  const stage = new Stage();
  stage.found = holdingOf(1, [1], [1, 2, 3, 4]);
  stage.newestTransaction = '2099-01-01T00:00:00Z';
  stage.starts = [endedEarly, undefined];
  expect((await failureOf(() => stage.restored(toMinute(3.9)))).code).toBe('target-unreachable');
});

test("a time that is not reached because WAL can't be read is refused", async () => {
  const stage = new Stage();
  stage.starts = [endedEarly, undefined];
  const refused = await failureOf(() => stage.restored(toMinute(5.9)));
  expect(refused.code).toBe('target-unreachable');
  expect(refused.message).toContain(nameOf(at(6)));
});

test('damage is refused until it is accepted, and then what was restored is used', async () => {
  const stage = new Stage();
  stage.damage = ['pg_amcheck: an index lacks a row'];
  const asked = toMinute(3.9);
  const accepting = { ...asked, acceptsDamage: true };
  const refused = await failureOf(() => stage.restored(asked));
  expect(refused.code).toBe('restored-damaged');
  expect(refused.next).toContain('--accept-damage');
  stage.starts = [undefined];
  expect((await stage.restored(accepting)).damage).toEqual(stage.damage);
  expect(await doneBefore(stage.world, stage.member, asked, quiet)).toBeUndefined();
  expect((await doneBefore(stage.world, stage.member, accepting, quiet))?.damage).toEqual(stage.damage);
});

test('of what pgBackRest wrote for the recovery nothing stays', async () => {
  const stage = new Stage();
  const { folder } = await stage.restored(latest);
  expect(await readFile(join(folder, 'postgresql.auto.conf'), 'utf8')).toBe("shared_buffers = '1GB'\n");
});
