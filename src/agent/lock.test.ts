import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { temporaryFolders } from './backup/testing.ts';
import { failure } from './failure.ts';
import { heldDescriptors, Lock } from './lock.ts';
import { Programs } from './programs.ts';
import { pause } from './wait.ts';

const quick = { pollSeconds: 0.02 };
let path: string;
let programs: Programs;
let lock: Lock;
let said: string[];

const quiet = (): void => undefined;
const nothing = async (): Promise<void> => undefined;
const say = (text: string): void => void said.push(text);

beforeEach(() => {
  path = temporaryFolders().lock;
  programs = new Programs({ lookSeconds: 0.05 });
  lock = new Lock(path, programs, quick);
  said = [];
});

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !condition(); tries++) await pause(0.01);
  expect(condition()).toBe(true);
}

describe('one at a time', () => {
  test('and free once the other has died', async () => {
    // As another container's agent has it: flock(2) on a file that it has open.
    const holder = spawn('flock', [path, 'sh', '-c', 'echo held; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(holder.stdout, 'data');
    await expect(lock.oneAtATime(0.1, quiet, nothing)).rejects.toMatchObject({ code: 'busy' });
    holder.stdin.end();
    await lock.oneAtATime(5, quiet, nothing);
  });

  /** What an agent ran that was killed while it held the lock. */
  async function orphan(descriptors: string): Promise<number> {
    const of = (file: string): string => JSON.stringify(fileURLToPath(new URL(file, import.meta.url)));
    const script = `
      import { Lock, heldDescriptors } from ${of('lock.ts')};
      import { Programs } from ${of('programs.ts')};
      const programs = new Programs();
      const argv = ['sh', '-c', 'echo $$; exec sleep 300'];
      const onLine = (line) => console.log(line);
      await new Lock(process.argv[1], programs).oneAtATime(1, () => {}, () =>
        programs.run(argv, { seconds: 300, onLine, descriptors: ${descriptors} }));
    `;
    const words = ['--import', 'tsx', '--input-type=module', '-e', script, path];
    const agent: ChildProcess = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(agent.stdout!, 'data')) as [Buffer];
    agent.kill('SIGKILL');
    await once(agent, 'exit');
    return Number(line);
  }

  test('restic holds it until it ends, when its agent is killed', async () => {
    const restic = await orphan('heldDescriptors()');
    await expect(lock.oneAtATime(0.1, quiet, nothing)).rejects.toMatchObject({ code: 'busy' });
    process.kill(restic, 'SIGKILL');
    await lock.oneAtATime(5, quiet, nothing);
    expect(heldDescriptors()).toEqual([]);
  });

  test('what else an agent that is killed leaves keeps nobody waiting', async () => {
    const left = await orphan('[]');
    onTestFinished(() => void process.kill(left, 'SIGKILL'));
    await lock.oneAtATime(5, quiet, nothing);
  });

  test('it is free after an error', async () => {
    await expect(lock.oneAtATime(1, quiet, () => Promise.reject(new RangeError('wrong')))).rejects.toThrow(RangeError);
    await lock.oneAtATime(0.1, quiet, nothing);
  });

  test('who is told to stop waits no longer', async () => {
    await lock.oneAtATime(1, quiet, async () => {
      const waiting = new Lock(path, programs, quick).oneAtATime(60, say, nothing);
      await until(() => said.length > 0);
      await programs.endAll();
      await expect(waiting).rejects.toMatchObject({ code: 'stopped' });
    });
  });
});

/** Marks belong to the open file: two tasks meet as two containers do. */
describe('a restore', () => {
  let restored: boolean;
  let restoring: Promise<void> | undefined;

  beforeEach(() => {
    restored = false;
    restoring = undefined;
  });

  async function restore(times = quick): Promise<void> {
    const before = said.length;
    restoring = new Lock(path, programs, times).forARestore(say, async () => void (restored = true));
    await until(() => said.length > before);
  }

  test('ends a drill, and the program that this runs', async () => {
    const drill = lock.untilARestoreWaits(1, say, async () => {
      await programs.run(['true'], { seconds: 5 });
      await restore();
      await programs.run(['sleep', '300'], { seconds: 300 });
    });
    await expect(drill).rejects.toMatchObject({ code: 'stopped' });
    await restoring;
    expect([restored, said]).toEqual([true, ['a drill runs, which is ended for this restore (0 s so far)']]);
    await programs.run(['true'], { seconds: 5 });
  });

  test('waits for a backup, and none begins before it', async () => {
    await lock.oneAtATime(1, quiet, async () => {
      await restore();
      await expect(lock.oneAtATime(0.1, quiet, nothing)).rejects.toMatchObject({ code: 'busy' });
      await programs.run(['true'], { seconds: 5 });
      expect(restored).toBe(false);
    });
    await restoring;
    expect(restored).toBe(true);
    expect(said[0]).toMatch(/^a backup, or a check of the backups, runs, and is waited for/);
    await lock.oneAtATime(5, quiet, nothing);
  });

  test('what waits for a drill or for it says so', async () => {
    let runs = false;
    let free = false;
    const drill = lock.untilARestoreWaits(1, say, async () => {
      runs = true;
      await until(() => free);
    });
    await until(() => runs);
    const waiting: string[] = [];
    const wait = () => lock.oneAtATime(1, (text) => void waiting.push(text), nothing);
    await expect(wait()).rejects.toMatchObject({ code: 'busy' });
    expect(waiting).toEqual([expect.stringContaining('a drill runs, and is waited for')]);
    await restore();
    await expect(wait()).rejects.toMatchObject({ code: 'busy' });
    expect(waiting.slice(1)).toEqual([expect.stringContaining('a restore waits, and comes first')]);
    free = true;
    await Promise.all([drill, restoring]);
  });

  test('names another one, and what waits is said again', async () => {
    await lock.forARestore(quiet, async () => {
      await restore({ ...quick, sayEverySeconds: 0.1 } as typeof quick);
      await until(() => said.length > 2);
    });
    await restoring;
    expect(restored).toBe(true);
    expect(said.at(-1)).toMatch(/^a restore runs, and is waited for/);
  });

  test('is not kept by an error of the drill', async () => {
    await expect(
      lock.untilARestoreWaits(1, quiet, () => Promise.reject(failure('drill-failed', 'damaged'))),
    ).rejects.toMatchObject({ code: 'drill-failed' });
    await lock.forARestore(quiet, nothing);
  });
});
