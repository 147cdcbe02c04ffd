import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { failure } from '../../failure.ts';
import type { Status } from '../known.ts';
import { clockAt, temporaryFolders, testAgent } from '../testing.ts';
import { beginArchiver, look, looking, recordLook, wasGivenUp, type Seen } from './archiver.ts';
import { databaseAway } from './ask-database.ts';
import { stanza } from './testing.ts';

const now = new Date('2026-11-24T15:03:12Z');
const seen = (archiveFailing: boolean): Seen => ({ archiveFailing, archiveError: archiveFailing ? 'refused' : null });

function recorded(known: Status, failing: boolean, steady = 5000): Status {
  recordLook(known, testAgent({ told: { role: 'database' }, clock: clockAt(now, steady) }), seen(failing));
  return known;
}

test('since when archiving fails is kept, and its mending is told', () => {
  const known = recorded({ stanza }, false);
  expect(known.archiveMendedAt ?? null).toBeNull();
  expect(recorded(known, true).archiveFailingSince).toBe('2026-11-24T15:03:12Z');
  known.archiveFailingSince = '2026-11-24T15:00:00Z';
  expect(recorded(known, true).archiveFailingSince).toBe('2026-11-24T15:00:00Z');
  expect(known.archiveMendedAt).toBeNull();
  recorded(known, false);
  const mended = known.archiveMendedAt;
  expect(mended).toBe('2026-11-24T15:03:12Z');
  // It ends when the archives were looked at.
  expect(known).toMatchObject({ archiveFailing: true, archiveError: looking });
  known.archiveMendedAt = '2026-11-24T15:01:00Z';
  expect(recorded(known, false).archiveMendedAt).toBe('2026-11-24T15:01:00Z');
  expect(recorded(known, true).archiveMendedAt).toBeNull();
});

test('when it was last looked at is noted, and that the agent began to look', async () => {
  const agent = testAgent({ told: { role: 'database' }, clock: clockAt(now, 5) });
  await beginArchiver(agent);
  const known = await agent.status.read();
  expect(known.archiveLook?.steadySeconds).toBe(5);
  expect(recorded(known, true, 6).archiveLook?.steadySeconds).toBe(6);
});

test('a database that is being switched over is asked again', async () => {
  const away = failure(databaseAway, 'connection refused');
  for (const [answers, failing] of [
    [[seen(false)], false],
    [[away, seen(false)], false],
    [[away, away], true],
  ] as const) {
    const left: (Seen | Error)[] = [...answers];
    const ask = async (): Promise<Seen> => {
      const answer = left.shift();
      if (answer === undefined || answer instanceof Error) throw answer ?? new Error('asked too often');
      return answer;
    };
    expect((await look(testAgent(), ask, 0)).archiveFailing).toBe(failing);
    expect(left).toEqual([]);
  }
});

test('what is wrong with the agent itself is not taken for a database that is away', async () => {
  const ask = () => Promise.reject(new TypeError('a bug'));
  await expect(look(testAgent(), ask, 0)).rejects.toThrow(TypeError);
});

test('what the local repository does not have was given up', async () => {
  const { database } = temporaryFolders();
  const newest = '000000010000000000000003';
  const folder = join(database, 'repository', 'archive', stanza, '17-1', newest.slice(0, 16));
  expect(await wasGivenUp(database, stanza, newest)).toBe(false);
  await mkdir(folder, { recursive: true });
  expect(await wasGivenUp(database, stanza, newest)).toBe(true);
  await writeFile(join(folder, `${newest}-0123456789abcdef.zst`), '');
  expect(await wasGivenUp(database, stanza, newest)).toBe(false);
  expect(await wasGivenUp(database, stanza, '00000002.history')).toBe(false);
  expect(await wasGivenUp(database, stanza, null)).toBe(false);
});
