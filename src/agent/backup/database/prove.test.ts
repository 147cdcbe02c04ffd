import { expect, test } from 'vitest';
import { failure } from '../../failure.ts';
import { fromEpoch, momentText } from '../../moments.ts';
import { local, quiet } from '../testing.ts';
import { prove, type StanzaProof } from './drill.ts';
import type { Server } from './server.ts';
import { archiveOf, backupOf, began, failureOf, noServer, stanza, testWorld, WorkClock } from './testing.ts';
import { nameOf } from './wal.ts';
import type { Scratch } from './world.ts';

const backup = { ...backupOf(1), started: began - 3600, ended: began - 3590 };
const asked = [{ line: 2, sql: 'SELECT true', expected: 't' }];
const hangs = failure('deadline', 'it hangs');

/** A restore of 10 minutes, 5 of replay, 100 s of checks that find nothing, and no WAL in the archive. */
class Stage {
  readonly clock = new WorkClock(began);
  readonly scratch: Partial<Scratch> = {
    newestTransaction: this.clock.takes(0, momentText(fromEpoch(began + 890))),
    sizeOf: this.clock.takes(0, 2 * 2 ** 30),
    replayedTo: this.clock.takes(0, undefined),
    complaints: this.clock.takes(0, []),
    amcheck: this.clock.takes(80, []),
    rows: this.clock.takes(5, {}),
    checksums: this.clock.takes(15, []),
  };
  restore = this.clock.takes(600, '');
  starts = this.clock.takes(300, undefined);
  /** Asked before the restore, and after all. */
  archives: (Map<string, number> | Error)[] = [new Map(), new Map()];

  proof(assertions: typeof asked = []): Promise<StanzaProof> {
    const archives = [...this.archives];
    const world = testWorld({
      told: { assertions },
      clock: this.clock,
      repositories: {
        call: () => this.restore(),
        listing: async () => {
          const found = archives.shift();
          if (found instanceof Error || found === undefined) throw found ?? new Error('asked too often');
          return found;
        },
      },
      scratch: {
        ...this.scratch,
        running: async <T>(_data: string, _log: string, _progress: unknown, work: (server: Server) => Promise<T>) => {
          await this.starts();
          return work(noServer);
        },
      },
    });
    return prove(world, { stanza, repository: local(1), backup }, quiet);
  }
}

test('the age of the newest transaction counts from the end of recovery', async () => {
  const proof = await new Stage().proof();
  expect(proof.newestTransactionAt! > proof.at).toBe(true);
  expect(proof).toMatchObject({
    seconds: 900,
    restoreSeconds: 600,
    replaySeconds: 300,
    newestTransactionAgeSeconds: 10,
  });
});

test('the checks of a restore are timed, and the assertions are not', async () => {
  const stage = new Stage();
  stage.scratch.query = stage.clock.takes(1000, 'f');
  const proof = await stage.proof(asked);
  expect(proof).toMatchObject({ seconds: 900, checkSeconds: 100, secondsPerGibibyte: 500, ok: false });
  expect(proof.problems).toEqual(["assertion of line 2: SELECT true is 'f', expected 't'"]);
});

test.each(['restore', 'starts'] as const)(
  'a repository that goes away meanwhile (%s) proves nothing, and one that is back is judged',
  async (failing) => {
    const stage = new Stage();
    stage[failing] = stage.clock.takes(60, failure('pgbackrest-failed', 'timed out')) as never;
    expect((await stage.proof()).problems).toEqual(['timed out']);
    stage.archives = [new Map(), hangs];
    expect((await failureOf(() => stage.proof(asked))).message).toBe('it hangs');
  },
);

/** WAL that the archive has and recovery could not read. */
const archived = new Map(
  archiveOf(1, 2).map((segment) => {
    const name = nameOf(segment);
    return [`17-1/${name.slice(0, 16)}/${name}-${'0'.repeat(40)}.zst`, segment.at];
  }),
);

test('WAL that a repository did not hand out before it went away is no false alarm', async () => {
  const stage = new Stage();
  stage.scratch.query = stage.clock.takes(0, 'f');
  stage.scratch.replayedTo = stage.clock.takes(0, { timeline: 1, position: 1 });
  stage.archives = [archived, archived];
  const { problems } = await stage.proof(asked);
  expect(problems).toHaveLength(2);
  expect(problems[0]).toMatch(/^WAL after 0{7}10{15}1 can't be read, though the archive has /);
  stage.archives = [archived, hangs];
  expect((await failureOf(() => stage.proof(asked))).message).toBe('it hangs');
});

test('damage is recorded though the repository goes away then', async () => {
  const stage = new Stage();
  stage.scratch.amcheck = stage.clock.takes(0, ['an index lacks a row']);
  stage.archives = [new Map(), hangs];
  expect((await stage.proof()).problems).toEqual(['it hangs', 'an index lacks a row']);
});

test('what is damaged is told before what is not as expected', async () => {
  const stage = new Stage();
  stage.scratch.query = stage.clock.takes(0, 'f');
  stage.scratch.amcheck = stage.clock.takes(0, ['amcheck']);
  stage.scratch.checksums = stage.clock.takes(0, ['checksums']);
  stage.scratch.rows = stage.clock.takes<Record<string, number>>(0, failure('query-failed', 'invalid page'));
  const { problems, ok } = await stage.proof(asked);
  expect(problems.slice(0, 3)).toEqual(['amcheck', 'invalid page', 'checksums']);
  expect([problems.length, ok]).toEqual([4, false]);
});
