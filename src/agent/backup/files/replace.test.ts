import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { rename } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { Programs, type RunOptions } from '../../programs.ts';
import type { Agent } from '../agent.ts';
import { completed, fakePrograms, quiet, testAgent } from '../testing.ts';
import { asItWas, remove, replaceContent, sizeOnDisk, wholeMark, type Steps } from './replace.ts';
import { replacing } from './sources.ts';

// With real folders, and `cp`, `du` and `sync` as the container has them; nothing in here needs root.

const formerContent = { a: 'former', 'folder/b': 'former', same: 'former' };
const restoredContent = { a: 'restored', 'folder/c': 'restored', '.hidden': 'restored' };

let agent: Agent;
let current: string;
let former: string;
let restored: string;

function fill(folder: string, content: Record<string, string>): void {
  for (const [name, text] of Object.entries(content)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

function contentOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(paths.map((path) => [relative(folder, path), readFileSync(path, 'utf8')]));
}

function begin(): void {
  agent = testAgent();
  [current, former, restored] = ['current', 'former', 'restored'].map((name) => join(agent.folders.targets, name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [current, former, restored]) mkdirSync(folder);
  fill(current, formerContent);
  fill(restored, restoredContent);
}

beforeEach(begin);

const replace = (steps: Partial<Steps> = {}, programs: Agent['programs'] = agent.programs): Promise<object> =>
  replaceContent({ ...agent, programs }, quiet, { rename, remove, room: async () => plenty, ...steps });
const plenty = { freeBytes: 2 ** 50, totalBytes: 2 ** 50 };
const run = (argv: readonly string[], options: RunOptions) => new Programs().run(argv, options);

function expectReplaced(): void {
  expect(contentOf(current)).toEqual(restoredContent);
  expect(readdirSync(current)).not.toContain(replacing);
}

function expectAsItWas(): void {
  expect(contentOf(current)).toEqual(formerContent);
  expect(readdirSync(current).sort()).toEqual(['a', 'folder', 'same']);
}

function expectSetAside(): void {
  expect(contentOf(former)).toEqual({ ...formerContent, [wholeMark]: '' });
  expect(readdirSync(former).sort()).toEqual([wholeMark, 'a', 'folder', 'same']);
}

function emptyFormer(): void {
  for (const name of readdirSync(former)) rmSync(join(former, name), { recursive: true });
}

test('each content is whole in its place, and nothing else', async () => {
  await replace();
  expectReplaced();
  expectSetAside();
  expect(contentOf(restored)).toEqual(restoredContent);
});

test("modes, links and the volume's own folder come along, and no link is followed", async () => {
  const outside = join(agent.folders.targets, 'outside');
  fill(outside, { kept: 'kept' });
  symlinkSync(outside, join(current, 'link'));
  symlinkSync('nowhere', join(restored, 'link'));
  chmodSync(join(restored, 'a'), 0o640);
  chmodSync(restored, 0o750);
  await replace();
  expect(contentOf(outside)).toEqual({ kept: 'kept' });
  expect([readlinkSync(join(current, 'link')), readlinkSync(join(former, 'link'))]).toEqual(['nowhere', outside]);
  expect([join(current, 'a'), current].map((path) => statSync(path).mode & 0o777)).toEqual([0o640, 0o750]);
});

test('without room for both copies nothing is written', async () => {
  const size = (await sizeOnDisk(agent, current)) + (await sizeOnDisk(agent, restored));
  const free = (part: number) => ({ room: async () => ({ ...plenty, freeBytes: Math.floor(size * part) }) });
  const programs = fakePrograms((argv, options) => {
    if (argv[0] === 'cp') throw new Error('it was copied');
    return run(argv, options);
  });
  await expect(replace(free(1.04), programs)).rejects.toMatchObject({ code: 'unchanged' });
  expectAsItWas();
  await replace(free(1.06));
  expectReplaced();
});

test.each([1, 2])('copy %i that fails leaves the volume as it was, and takes no room', async (failing) => {
  let copies = 0;
  const programs = fakePrograms(async (argv, options) => {
    const done = await run(argv, options);
    return argv[0] === 'cp' && ++copies === failing ? completed('', 1, 'cp: No space left on device') : done;
  });
  const message = expect.stringContaining(asItWas) as string;
  await expect(replace({}, programs)).rejects.toMatchObject({ code: 'unchanged', message });
  expectAsItWas();
  expect(readdirSync(former)).toEqual([]);
  await replace();
  expectReplaced();
});

test.each([1, 2, 3, 4, 5, 6])('rename %i that fails is undone with those before it', async (failing) => {
  let renames = 0;
  const refused = Object.assign(new Error('Operation not permitted'), { errno: -1, code: 'EPERM' });
  const steps = {
    rename: (source: string, target: string) =>
      ++renames === failing ? Promise.reject(refused) : rename(source, target),
  } as Partial<Steps>;
  await expect(replace(steps)).rejects.toMatchObject({ code: 'unchanged' });
  expectAsItWas();
  expectSetAside();
});

/** As SIGKILL ends it: nothing that follows is done. */
class Killed extends Error {}

describe('after a kill', () => {
  /** Before its programs, renames and removals, as many as that; nothing that would clean up runs then. */
  async function isKilledAt(point: number): Promise<boolean> {
    let done = 0;
    const until = <A extends unknown[], R>(work: (...given: A) => Promise<R>) => {
      return async (...given: A): Promise<R> => {
        if (done >= point) throw new Killed();
        done += 1;
        return work(...given);
      };
    };
    try {
      await replace(
        { rename: until<Parameters<typeof rename>, void>(rename), remove: until(remove) },
        fakePrograms(until(run)),
      );
      return false;
    } catch (error) {
      if (error instanceof Killed) return true;
      throw error;
    }
  }

  test('at any point the former content is whole somewhere, and a repeat completes', async () => {
    let points = 0;
    while (await isKilledAt(points)) {
      const isWhole = readdirSync(former).includes(wholeMark);
      const here = contentOf(current);
      const isAsItWas = Object.entries(formerContent).every(([name, text]) => here[name] === text);
      expect([points, isAsItWas || isWhole]).toEqual([points, true]);
      if (isWhole) expectSetAside();
      // As the command does it: a new volume for what is there, the content restored again.
      emptyFormer();
      await replace();
      expectReplaced();
      begin();
      points += 1;
    }
    expectReplaced();
    expect(points).toBeGreaterThan(12);
  });
});

test('a former volume that has content is not written over', async () => {
  fill(former, { only: 'copy' });
  await expect(replace()).rejects.toMatchObject({ code: 'not-empty' });
  expect(contentOf(former)).toEqual({ only: 'copy' });
  expectAsItWas();
});

test("what a backup of a run's own folder brings is no content", async () => {
  fill(join(restored, replacing), { left: 'over' });
  await replace();
  expectReplaced();
});

test('all three must be mounted', async () => {
  rmSync(former, { recursive: true });
  await expect(replace()).rejects.toMatchObject({ code: 'no-target' });
});
