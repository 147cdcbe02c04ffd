import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Clock } from '../../clock.ts';
import { afterSeconds, momentText, parseMoment, secondsBetween } from '../../moments.ts';
import { Programs, type Completed, type RunOptions } from '../../programs.ts';
import { pause } from '../../wait.ts';
import type { Agent, Repository } from '../agent.ts';
import type { FilesProof, FilesRestored, Snapshot } from '../contract.ts';
import type { Folders } from '../folders.ts';
import { completed, fakePrograms, local, quiet, temporaryFolders, testAgent } from '../testing.ts';
import { backUpFiles, type BackupOptions } from './backup.ts';
import { drillFiles } from './drill.ts';
import { diffFiles, listSnapshots, restoreFiles, verifySnapshots, type Wanted } from './restore.ts';
import { environmentFor, exitCodes, freeRepository, restic } from './restic.ts';
import { incompleteTag } from './snapshots.ts';
import { edgeFolder, stateFolder, volumeFolder } from './sources.ts';
import { resticWords } from './testing.ts';

// With the real restic and a local repository. Restores need root, as they do in the container.

/** `snapshot:folder` and the exit codes came with 0.17. */
function resticIsNewEnough(): boolean {
  const { stdout, error } = spawnSync('restic', ['version'], { encoding: 'utf8' });
  if (error || process.getuid?.() !== 0) return false;
  const [major = 0, minor = 0] = (stdout.split(' ')[1] ?? '').split('.').map(Number);
  return major > 0 || minor >= 17;
}

describe.skipIf(!resticIsNewEnough())('with the real restic', { timeout: 120_000 }, () => {
  let folders: Folders;
  let agent: Agent;
  let volume: string;
  const picture = (): string => join(volume, 'picture');
  const repository = (): Repository => agent.told.repositories[0]!;
  const firstFolder = (): string => join(folders.files, 'repository');

  beforeEach(() => {
    folders = temporaryFolders();
    writeFileSync(join(folders.secrets, 'backup-files-password'), 'secret\n');
    volume = volumeFolder(folders, 'uploads');
    for (const folder of [stateFolder(folders), edgeFolder(folders), volume]) mkdirSync(folder, { recursive: true });
    writeFileSync(join(stateFolder(folders), 'ledger'), 'release 1');
    writeFileSync(join(edgeFolder(folders), 'certificate'), 'pem');
    writeFileSync(picture(), 'picture');
    symlinkSync('/etc/shadow', join(volume, 'link'));
    agent = testAgent({ folders, programs: impatient() });
  });

  /** A locked repository is asked again for a second, and not for half a minute. */
  function impatient(): Programs {
    const real = new Programs();
    return fakePrograms((argv, options) =>
      real.run(
        argv.map((word) => (word === '30s' ? '1s' : word)),
        options,
      ),
    );
  }

  const backUp = (options: BackupOptions = {}) => backUpFiles(agent, options, quiet);
  const listed = async (kind: string): Promise<Snapshot[]> =>
    (await listSnapshots(agent, quiet)).snapshots.filter((one) => one.kind === kind);
  const drill = (): Promise<FilesProof> => drillFiles(agent, {}, quiet);

  function target(name: string): string {
    const folder = join(folders.targets, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  const restore = (into: string, wanted: Partial<Wanted> = {}): Promise<FilesRestored> =>
    restoreFiles(agent, { kind: 'volume', name: 'uploads', ...wanted, into }, quiet);

  function ownerAndMode(path: string): [number, number, number] {
    const { uid, gid, mode } = lstatSync(path);
    return [uid, gid, mode & 0o7777];
  }

  describe('a restore', () => {
    test('brings content back with owners and modes, of the folder itself too', async () => {
      chownSync(picture(), 33, 44);
      chmodSync(picture(), 0o640);
      chownSync(volume, 1000, 1001);
      chmodSync(volume, 0o2750);
      await backUp();
      const into = target('uploads');
      const result = await restore(into);
      expect(ownerAndMode(into)).toEqual([1000, 1001, 0o2750]);
      expect(ownerAndMode(join(into, 'picture'))).toEqual([33, 44, 0o640]);
      expect(readFileSync(join(into, 'picture'), 'utf8')).toBe('picture');
      expect(readlinkSync(join(into, 'link'))).toBe('/etc/shadow');
      expect(result).toMatchObject({ repository: 1, bytes: 7 });
    });

    test('finds an older snapshot by its id and by time', async () => {
      await backUp();
      const [first] = await listed('volume');
      // The time is told in whole seconds.
      const later = momentText(afterSeconds(parseMoment(first!.at), 1));
      while (new Date() < parseMoment(later)) await pause(0.05);
      writeFileSync(picture(), 'another');
      await backUp();
      const how: Record<string, Partial<Wanted>> = {
        'by-id': { snapshot: first!.id.slice(0, 8) },
        'by-time': { at: later },
        newest: {},
      };
      for (const [name, wanted] of Object.entries(how)) {
        const into = target(name);
        await restore(into, wanted);
        expect(readFileSync(join(into, 'picture'), 'utf8')).toBe(name === 'newest' ? 'another' : 'picture');
      }
      await expect(restore(target('none'), { at: '2020-01-01' })).rejects.toMatchObject({ code: 'no-snapshot' });
    });

    test('of state and of edge are two, and they are one snapshot', async () => {
      await backUp();
      expect(await listed('state')).toHaveLength(1);
      for (const [kind, file] of [
        ['state', 'ledger'],
        ['edge', 'certificate'],
      ] as const) {
        const into = target(kind);
        await restore(into, { kind, name: undefined });
        expect(readdirSync(into)).toEqual([file]);
      }
    });

    test('of one that is marked incomplete once it was chosen chooses anew, and so does a comparison', async () => {
      await backUp();
      const plain = agent;
      for (const work of [
        () => restore(target('uploads')),
        () => diffFiles(agent, { kind: 'volume', name: 'uploads' }, quiet),
      ]) {
        let isMarked = false;
        // Between the list that it was chosen from and the first question for its content.
        const run = async (argv: readonly string[], options: RunOptions): Promise<Completed> => {
          if (resticWords(argv)[0] === 'ls' && !isMarked) {
            isMarked = true;
            const id = resticWords(argv)[1] ?? '';
            await restic(plain, repository(), ['tag', '--add', incompleteTag, id], { seconds: 60 });
          }
          return new Programs().run(argv, options);
        };
        agent = testAgent({ folders, programs: fakePrograms(run) });
        const { snapshot } = await work();
        agent = plain;
        expect([isMarked, snapshot]).toEqual([true, (await listed('volume'))[0]?.id]);
        await restic(plain, repository(), ['tag', '--remove', incompleteTag, snapshot], { seconds: 60 });
      }
      expect(readFileSync(join(folders.targets, 'uploads', 'picture'), 'utf8')).toBe('picture');
    });

    test('names devices, and restores nothing', async () => {
      spawnSync('mknod', [join(volume, 'disk'), 'b', '7', '0']);
      await backUp();
      const into = target('uploads');
      const message = expect.stringContaining('uploads/disk') as string;
      await expect(restore(into)).rejects.toMatchObject({ code: 'devices-in-backup', message });
      expect(readdirSync(into)).toEqual([]);
    });

    test('restores nothing outside of the targets', async () => {
      const { targets } = folders;
      for (const into of ['/etc', targets, `${targets}/../etc`, `${targets}/missing`]) {
        await expect(restore(into)).rejects.toMatchObject({ code: 'no-target' });
      }
    });
  });

  test('differences', async () => {
    await backUp();
    writeFileSync(join(volume, 'new'), 'n');
    writeFileSync(picture(), 'changed');
    rmSync(join(volume, 'link'));
    const found = await diffFiles(agent, { kind: 'volume', name: 'uploads' }, quiet);
    expect(found).toMatchObject({ added: ['new'], changed: ['picture'], removed: ['link'] });
  });

  test('a name that is no UTF-8 is the same as then', async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${volume}/caf`), Buffer.from([0xe9])]), 'x');
    await backUp();
    const { counts } = await diffFiles(agent, { kind: 'volume', name: 'uploads' }, quiet);
    expect(counts).toEqual({ added: 0, changed: 0, removed: 0 });
  });

  describe('a backup', () => {
    test('in a repository that fails keeps no other from its own', async () => {
      const broken: Repository = { number: 1, kind: 'sftp', host: '127.0.0.1', port: 1, user: 'u', path: '/x' };
      writeFileSync(join(folders.secrets, 'sftp-key'), 'none');
      agent = testAgent({ folders, told: { repositories: [broken, local(2)] } });
      await expect(backUp()).rejects.toThrow('repository 1');
      await restore(target('uploads'));
      const { repositories } = await agent.status.read();
      expect(repositories?.[1]?.lastError).toBeTruthy();
      expect(repositories?.[2]?.lastBackupAt).toBeTruthy();
      expect(repositories?.[2]?.lastError).toBeNull();
    });

    test('without a volume that is missing is an error, and the rest is there', async () => {
      agent = testAgent({ folders, told: { volumes: ['uploads', 'gone'] } });
      await expect(backUp()).rejects.toThrow('volume gone');
      expect(await listed('volume')).toHaveLength(1);
    });

    test('that lacks files says so later too', async () => {
      await backUp();
      writeFileSync(picture(), 'changed');
      // Root reads all files: restic's report of one that it could not read is made up, its snapshot is real.
      const run = async (argv: readonly string[], options: RunOptions): Promise<Completed> => {
        const done = await new Programs().run(argv, options);
        if (resticWords(argv)[0] !== 'backup' || argv.at(-1) !== volume) return done;
        options.onLine?.('{"message_type":"error","error":{"message":"input/output error"},"item":"other"}');
        return completed(done.stdout, exitCodes.incomplete, done.stderr);
      };
      const lacking = testAgent({ folders, programs: fakePrograms(run) });
      await expect(backUpFiles(lacking, {}, quiet)).rejects.toThrow('1 could not be read: other: input/output error');
      expect((await listed('volume')).map(({ incomplete }) => incomplete)).toEqual([false, true]);
      const into = target('uploads');
      expect((await restore(into)).incomplete).toBe(true);
      expect(readFileSync(join(into, 'picture'), 'utf8')).toBe('changed');
      const [whole] = await listed('volume');
      expect((await restore(into, { snapshot: whole!.id })).incomplete).toBe(false);
      expect(readFileSync(join(into, 'picture'), 'utf8')).toBe('picture');
    });

    test('of the state alone counts as none', async () => {
      await backUp({ kinds: ['state'] });
      expect(await listed('volume')).toEqual([]);
      expect((await agent.status.read()).repositories?.[1] ?? {}).not.toHaveProperty('lastBackupAt');
    });
  });

  describe('old snapshots', () => {
    test('expire except the last of what is gone, and except while the clock is odd', async () => {
      await backUp();
      for (const year of [2019, 2020]) {
        for (const name of ['uploads', 'gone']) {
          const own = [
            '--host',
            agent.told.project,
            '--time',
            `${year}-01-01 00:00:00`,
            '--tag',
            `kind=volume,name=${name}`,
          ];
          await restic(agent, repository(), ['backup', ...own, volume], { seconds: 60 });
        }
      }
      await agent.status.update((known) => void (known.expiryHeldUntil = { boot: 'boot-1', steadySeconds: 1 }));
      await backUp();
      expect(await listed('volume')).toHaveLength(6);
      await agent.status.update((known) => void (known.expiryHeldUntil = null));
      await backUp();
      const left = (await listed('volume')).map(({ name, at }) => `${name} ${at.slice(0, 4)}`);
      // Of what is still listed it is needed until another one is as old as `keep`.
      const old = left.filter((one) => /20(19|20)$/.test(one)).sort();
      expect(old).toEqual(['gone 2020', 'uploads 2020']);
    });

    test('that the last thirty days need are kept to the day, and come back', async () => {
      const start = afterSeconds(new Date(), -47 * 86_400);
      const days = [0, 5, 10, 15, 20, 25, 30, 35, 40, 47];
      let today = 0;
      // Wall and steady time go together: no jump.
      const reading = () => ({ wall: afterSeconds(start, today * 86_400), steady: today * 86_400, boot: 'boot-1' });
      const clock: Clock = { now: () => reading().wall, read: reading, awake: reading };
      const plain = agent;
      agent = testAgent({ folders, clock });
      for (today of days) {
        writeFileSync(picture(), `day ${today}`);
        await agent.status.update((known) => {
          known.clock = { wall: momentText(clock.now()), steadySeconds: clock.read().steady, boot: 'boot-1' };
          // A prune takes most of a second each time.
          known.repositories = { 1: { lastPruneAt: momentText(clock.now()) } };
        });
        await backUp({ kinds: ['volume'] });
      }
      agent = plain;
      const left = (await listed('volume')).map(({ at }) =>
        Math.round(secondsBetween(start, parseMoment(at)) / 86_400),
      );
      // Thirty days before the last one is day 17, which needs day 15.
      expect(left).toEqual(days.filter((day) => day >= 15));
      const into = target('uploads');
      await restore(into, { at: momentText(afterSeconds(start, 17 * 86_400)) });
      expect(readFileSync(join(into, 'picture'), 'utf8')).toBe('day 15');
    });
  });

  describe('an exclusive lock', () => {
    const locksFolder = (): string => join(firstFolder(), 'locks');

    /** As a `prune` that was killed. SIGSTOP: one that restic's own `unlock` takes for alive, as those of other containers. */
    async function leaveOne(end: 'SIGKILL' | 'SIGSTOP' = 'SIGKILL'): Promise<void> {
      const env = { ...process.env, ...(await environmentFor(agent, repository())) };
      const left: ChildProcess = spawn('restic', ['check', '--read-data', '--limit-download', '1'], {
        env,
        stdio: 'ignore',
      });
      onTestFinished(() => void left.kill('SIGKILL'));
      // It is written beside at first.
      while (!readdirSync(locksFolder()).some((name) => !name.includes('-'))) {
        expect(left.exitCode).toBeNull();
        await pause(0.05);
      }
      left.kill(end);
      if (end === 'SIGKILL') await once(left, 'exit');
    }

    test('of a killed restic stops neither backups nor restores nor drills', async () => {
      writeFileSync(picture(), randomBytes(1 << 20));
      await backUp();
      const works = [backUp, drill, () => restore(target('uploads')), () => listed('volume')];
      for (const [index, work] of works.entries()) {
        await leaveOne(index === 0 ? 'SIGKILL' : 'SIGSTOP');
        await work();
        expect(readdirSync(locksFolder())).toEqual([]);
      }
    });

    test('stays while our own lock is held, unless restic takes it for dead', async () => {
      await backUp();
      await leaveOne('SIGSTOP');
      await agent.lock.oneAtATime(1, quiet, async () => {
        // Another container's.
        await expect(restore(target('uploads'))).rejects.toThrow('is locked by another restic');
      });
      expect(readdirSync(locksFolder())).toHaveLength(1);
      await freeRepository(agent, repository());
      await leaveOne();
      await agent.lock.oneAtATime(1, quiet, () => restore(target('other')));
      expect(readdirSync(locksFolder())).toEqual([]);
    });
  });

  describe('damage', () => {
    function largestPack(): string {
      const data = join(firstFolder(), 'data');
      const packs = readdirSync(data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
      const paths = packs.map((entry) => join(entry.parentPath, entry.name));
      return paths.sort((a, b) => statSync(b).size - statSync(a).size)[0]!;
    }

    function damage(pack: string): void {
      chmodSync(pack, 0o600);
      writeFileSync(pack, Buffer.concat([Buffer.from('damage'), readFileSync(pack).subarray(6)]));
    }

    const nameOf = (pack: string): string => pack.split('/').at(-1) ?? '';

    test('is found by a check of everything', async () => {
      await backUp();
      expect(await verifySnapshots(agent, quiet)).toEqual({ problems: [] });
      const pack = largestPack();
      damage(pack);
      const message = expect.stringContaining(nameOf(pack)) as string;
      await expect(verifySnapshots(agent, quiet)).rejects.toMatchObject({ code: 'verification-failed', message });
    });

    test('of a pack is found by a drill, and so are a missing pack and a missing snapshot', async () => {
      agent = testAgent({ folders, told: { keepDays: 1 } });
      writeFileSync(picture(), randomBytes(1 << 20));
      await backUp();
      const pack = largestPack();
      const whole = readFileSync(pack);
      damage(pack);
      await expect(drill()).rejects.toThrow(nameOf(pack));
      rmSync(pack);
      await expect(drill()).rejects.toMatchObject({ code: 'drill-failed' });
      writeFileSync(pack, whole);
      expect((await drill()).ok).toBe(true);
      agent = testAgent({ folders, told: { keepDays: 1, volumes: ['uploads', 'added'] } });
      await expect(drill()).rejects.toThrow('volume added: there is no snapshot');
      expect((await agent.status.read()).proofs?.map(({ ok }) => ok)).toEqual([false, false, true, false]);
    });

    test('of the state is found by a drill, since it can not be restored', async () => {
      writeFileSync(join(stateFolder(folders), 'ledger'), randomBytes(1 << 20));
      await backUp({ kinds: ['state'] });
      agent = testAgent({ folders, told: { volumes: [] } });
      damage(largestPack());
      await expect(drill()).rejects.toThrow('state: ');
      expect((await agent.status.read()).proofs?.at(-1)).toMatchObject({ restored: [] });
    });
  });

  test('a drill proves what is whole, and leaves nothing of it', async () => {
    // As the engine writes the state: the agent may give no file to another user, and a proof must not need it.
    chownSync(join(stateFolder(folders), 'ledger'), 101, 101);
    writeFileSync(join(stateFolder(folders), 'empty'), '');
    symlinkSync('ledger', join(stateFolder(folders), 'link'));
    await backUp();
    expect(await drill()).toMatchObject({ ok: true, restored: ['state'], part: 1, parts: 30 });
    expect(existsSync(join(folders.files, 'drill'))).toBe(false);
    expect(readdirSync(join(firstFolder(), 'locks'))).toEqual([]);
  });
});
