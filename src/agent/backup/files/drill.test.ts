import { createWriteStream, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import { beforeEach, describe, expect, test } from 'vitest';
import type { OperatorError } from '../../../errors.ts';
import { failure } from '../../failure.ts';
import { afterSeconds } from '../../moments.ts';
import type { Agent } from '../agent.ts';
import type { FilesProof } from '../contract.ts';
import type { Folders } from '../folders.ts';
import { clockAt, local, quiet, s3, temporaryFolders, testAgent } from '../testing.ts';
import { drillFiles, nextPart } from './drill.ts';
import type { Message } from './restic.ts';
import { cacheFolder, edgeFolder, stateFolder, volumeFolder } from './sources.ts';
import { askedOf, fakeRestic, listedSnapshot } from './testing.ts';

const now = new Date('2026-11-24T04:30:00Z');

/** A folder as `restic ls` lists it, with files of these sizes. */
const folderOf = (path: string, ...sizes: number[]): Message[] => [
  { path, type: 'dir' },
  ...sizes.map((size, index) => ({ path: `${path}/${index}`, type: 'file', size })),
];

async function writeArchive(path: string, sizes: number[]): Promise<void> {
  const archive = pack();
  sizes.forEach((size, index) => archive.entry({ name: String(index) }, Buffer.alloc(size)));
  archive.finalize();
  await pipeline(archive, createWriteStream(path));
}

let folders: Folders;
let agent: Agent;
let snapshots: Message[];
let listed: Record<string, Message[]>;
let dumped: Record<string, number[]>;
let failing: Record<string, OperatorError>;
/** Lists of snapshots that are answered, before the one that fails. */
let listsUntilAway: number;
let asked: string[][];
let locations: Set<string>;

const snapshot = (kind: string, id = kind, { name, hours = 1 }: { name?: string; hours?: number } = {}): Message =>
  listedSnapshot({ id, kind, name, at: afterSeconds(now, -hours * 3600) });

async function answer([command = '', ...words]: string[]): Promise<Message[] | OperatorError> {
  if (failing[command]) return failing[command];
  if (command === 'snapshots')
    return listsUntilAway-- > 0 ? snapshots : failure('repository-failed', 'connection refused');
  if (command === 'ls') return listed[words[0] ?? ''] ?? [];
  if (command === 'dump') await writeArchive(words[1] ?? '', dumped[words[2] ?? ''] ?? []);
  return [];
}

function begin(changes: Partial<Agent['told']> = {}): void {
  const restic = fakeRestic((words, options) => {
    locations.add(askedOf(options));
    return answer(words);
  });
  asked = restic.asked;
  const told = { repositories: [local(1), s3(2)], cache: true, ...changes };
  agent = testAgent({ folders, programs: restic.programs, clock: clockAt(now), told });
}

beforeEach(() => {
  folders = temporaryFolders();
  for (const folder of [stateFolder(folders), edgeFolder(folders)]) mkdirSync(folder);
  snapshots = [
    snapshot('state', 'old', { hours: 2 }),
    snapshot('state'),
    snapshot('volume', 'uploads', { name: 'uploads' }),
    snapshot('cache'),
  ];
  listed = {
    state: [...folderOf(stateFolder(folders), 5, 0), ...folderOf(edgeFolder(folders), 4)],
    uploads: folderOf(volumeFolder(folders, 'uploads'), 2 ** 40),
    cache: folderOf(cacheFolder(folders), 9),
  };
  dumped = { state: [4, 5, 0], cache: [9] };
  [failing, listsUntilAway, locations] = [{}, Number.POSITIVE_INFINITY, new Set()];
  begin();
});

const drill = (repo?: number): Promise<FilesProof> => drillFiles(agent, { repo }, quiet);
const remembered = async () => ((await agent.status.read()).proofs ?? []) as FilesProof[];
const wordsOf = (command: string): string[][] =>
  asked.filter(([word]) => word === command).map((words) => words.slice(1));
const isDrillGone = (): boolean => !existsSync(join(folders.files, 'drill'));

async function problemsFound(): Promise<string[]> {
  const message = expect.stringContaining('the files of repository 2 (s3): ') as string;
  await expect(drill()).rejects.toMatchObject({ code: 'drill-failed', message });
  return (await remembered()).at(-1)?.problems ?? [];
}

describe('a drill of files', () => {
  test('proves the newest of the last repository, and nothing of it is left', async () => {
    const proof = await drill();
    const expected = {
      repository: 2,
      kind: 's3',
      ok: true,
      problems: [],
      restored: ['state', 'cache'],
      part: 1,
      parts: 30,
    };
    expect(proof).toMatchObject(expected);
    expect(await remembered()).toEqual([proof]);
    expect(wordsOf('dump').map((words) => words.slice(2))).toEqual([
      ['state', '/'],
      ['cache', '/'],
    ]);
    expect(wordsOf('check')).toEqual([['--no-lock', '--read-data-subset=1/30']]);
    expect(isDrillGone()).toBe(true);
  });

  test('can be of another repository', async () => {
    expect((await drill(1)).repository).toBe(1);
    expect([...locations]).toEqual([join(folders.files, 'repository')]);
  });

  test('names what has no snapshot, and proves the others', async () => {
    snapshots.length = 2;
    const without = 'there is no snapshot of it';
    expect(await problemsFound()).toEqual([`volume uploads: ${without}`, `cache: ${without}`]);
    expect((await remembered()).at(-1)?.restored).toEqual(['state']);
  });

  test('takes less than the list says for no restore', async () => {
    // restic says nothing of a folder that it can't read.
    dumped['state'] = [5, 0];
    expect(await problemsFound()).toEqual(['state: not all of snapshot state comes back']);
  });

  test('takes what a restore would refuse for no proof', async () => {
    listed['uploads']?.push({ path: `${volumeFolder(folders, 'uploads')}/disk`, type: 'dev' });
    listed['state'] = folderOf(stateFolder(folders), 5);
    const said = await problemsFound();
    expect(said).toContain(`state: snapshot state holds no ${edgeFolder(folders)}`);
    expect(said[1]).toContain('uploads/disk');
    expect((await remembered()).at(-1)?.restored).toEqual(['cache']);
  });

  test('writes nothing without room', async () => {
    snapshots[1] = listedSnapshot({ id: 'state', kind: 'state', at: afterSeconds(now, -3600), bytes: 2 ** 60 });
    expect((await problemsFound())[0]).toContain('MiB are needed');
    expect(wordsOf('dump').map((words) => words[2])).toEqual(['cache']);
  });

  test('goes through all parts, but stays at one that is damaged', async () => {
    begin({ keepDays: 3 });
    failing = { check: failure('repository-failed', 'pack 1f3a is damaged') };
    const damaged = ['repository 2 (s3): pack 1f3a is damaged'];
    expect([await problemsFound(), await problemsFound()]).toEqual([damaged, damaged]);
    failing = {};
    for (let times = 0; times < 4; times++) await drill();
    expect((await remembered()).map(({ part }) => part)).toEqual([1, 1, 1, 2, 3, 1]);
  });

  test.each([
    ['dump', 'stopped'],
    ['check', 'stopped'],
    ['snapshots', 'repository-failed'],
  ])('that is ended or can not ask proves nothing either way: %s %s', async (command, code) => {
    failing = { [command]: failure(code, '') };
    await expect(drill()).rejects.toMatchObject({ code });
    expect([await remembered(), isDrillGone()]).toEqual([[], true]);
  });

  test.each(['ls', 'dump', 'check'])(
    'whose repository goes away meanwhile proves nothing either way: %s',
    async (command) => {
      failing = { [command]: failure('repository-failed', 'connection refused') };
      listsUntilAway = 1;
      await expect(drill()).rejects.toMatchObject({ code: 'repository-failed' });
      expect(await remembered()).toEqual([]);
      listsUntilAway = 2;
      expect((await problemsFound()).join()).toContain('repository 2 (s3): connection refused');
    },
  );
});

test.each([
  [30, '30 4 * * *', 30],
  [7, '30 4 * * *', 7],
  [90, '30 4 * * *', 30],
  [30, '30 4 * * 0', 4],
  [7, '30 4 1 * *', 1],
  [30, '0 */6 * * *', 30],
  [30, '0 0 31 2 *', 30],
])('of %i days by %s everything is read in %i parts', (keepDays, drillSchedule, parts) => {
  expect(nextPart({ keepDays, drillSchedule }, undefined, now)).toEqual({ part: 1, parts });
});
