import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ContainerGone, NameTaken, type Engine } from './engine.ts';

/** What a test of an engine needs from outside. */
export interface Subject {
  engine: Engine;
  /** An image with a shell and `cat`, whose containers run until they are ended. */
  image: string;
  /** What makes such a container run, instead of the image's own program. */
  entrypoint: string[];
}

/** What the rest of Horme relies on, for the fake and the real engine alike. Test code. */
export function engineContract(title: string, open: () => Promise<Subject> | Subject): void {
  describe(title, () => {
    const mark = `contract-${process.pid}-${Date.now()}`;
    const labels = { 'horme.test': mark };
    const volume = `horme-test-${mark}`;
    let subject: Subject;
    let engine: Engine;
    const create = (name?: string, own: Record<string, string> = {}) =>
      engine.create({
        ...(name && { name: `horme-${mark}-${name}` }),
        ...{ image: subject.image, entrypoint: subject.entrypoint, command: [], labels: { ...labels, ...own } },
      });

    beforeEach(async () => {
      subject = await open();
      engine = subject.engine;
    });
    afterEach(async () => {
      for (const { id } of await engine.containers(labels)) await engine.remove(id);
      await engine.removeVolume(volume);
    });

    test('a name can be taken only once, and again when it is free', async () => {
      const id = await create('one');
      await expect(create('one')).rejects.toBeInstanceOf(NameTaken);
      await engine.remove(id);
      await create('one');
    });

    test('of many who want the same name at once, one gets it', async () => {
      const tries = await Promise.allSettled(Array.from({ length: 5 }, () => create('race')));
      expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    test('a container is listed by its labels, with its state', async () => {
      const id = await create('listed', { 'horme.colour': 'red' });
      await create('other', { 'horme.colour': 'blue' });
      const red = await engine.containers({ ...labels, 'horme.colour': 'red' });
      expect(red).toMatchObject([{ id, name: `horme-${mark}-listed`, state: 'created', labels }]);
      expect(await engine.containers({ ...labels, 'horme.colour': undefined })).toHaveLength(2);
      expect(await engine.containers({ ...labels, 'horme.colour': 'green' })).toEqual([]);
    });

    test('the time of creation is by the clock that info tells', async () => {
      const id = await create();
      const [created] = await engine.containers(labels);
      const { now } = await engine.info();
      expect(created?.id).toBe(id);
      expect(Math.abs(now.getTime() / 1000 - (created?.createdSeconds ?? 0))).toBeLessThan(10);
    });

    test('files go into a container that never ran, and come out', async () => {
      const id = await create();
      await engine.put(id, '/', [
        { path: 'folder/one', content: 'eins' },
        { path: 'folder/deep/two', content: Buffer.from([0, 255, 10]) },
      ]);
      expect(await engine.get(id, '/folder')).toEqual(
        new Map([
          ['folder/one', Buffer.from('eins')],
          ['folder/deep/two', Buffer.from([0, 255, 10])],
        ]),
      );
      expect(await engine.get(id, '/folder/one')).toEqual(new Map([['one', Buffer.from('eins')]]));
      expect(await engine.get(id, '/nowhere')).toBeUndefined();
    });

    test('a file that is written again is replaced', async () => {
      const id = await create();
      await engine.put(id, '/', [{ path: 'note', content: 'a longer text' }]);
      await engine.put(id, '/', [{ path: 'note', content: 'short' }]);
      expect((await engine.get(id, '/note'))?.get('note')?.toString()).toBe('short');
    });

    test('a folder that is not there takes no files', async () => {
      const id = await create();
      await expect(engine.put(id, '/nowhere', [{ path: 'x', content: '' }])).rejects.toThrow();
    });

    test('a volume outlives the containers that wrote it', async () => {
      await engine.createVolume(volume, labels);
      await engine.createVolume(volume, labels);
      const mounted = { image: subject.image, labels, mounts: [`${volume}:/data`] };
      const first = await engine.create(mounted);
      expect(await engine.get(first, '/data')).toEqual(new Map());
      await engine.put(first, '/data', [{ path: 'kept', content: 'yes' }]);
      await engine.remove(first);
      const second = await engine.create(mounted);
      expect((await engine.get(second, '/data'))?.get('data/kept')?.toString()).toBe('yes');
      expect(await engine.volumes(labels)).toMatchObject([{ name: volume, labels }]);
    });

    test('to remove or stop what is gone is no error', async () => {
      const id = await create();
      await engine.remove(id);
      await engine.remove(id);
      await engine.stop(id, 1);
      await engine.removeVolume('horme-test-nowhere');
      expect(await engine.inspect(id)).toBeUndefined();
    });

    test('a volume that nobody named is listed with its container, and outlives it unless it is said not to', async () => {
      const mounted = { image: subject.image, labels, mounts: ['/data'] };
      const first = await engine.create(mounted);
      const [seen] = await engine.containers(labels);
      expect(seen?.anonymousVolumes).toMatchObject([{ path: '/data' }]);
      const name = seen?.anonymousVolumes[0]?.name ?? '';
      await engine.put(first, '/data', [{ path: 'kept', content: 'yes' }]);
      await engine.remove(first);
      const second = await engine.create({ ...mounted, mounts: [`${name}:/data`] });
      expect((await engine.get(second, '/data'))?.get('data/kept')?.toString()).toBe('yes');
      await engine.remove(second);
      await engine.removeVolume(name);
      const scratch = await engine.create(mounted);
      const [{ anonymousVolumes: [gone] = [] } = {}] = await engine.containers(labels);
      await engine.remove(scratch, { withAnonymousVolumes: true });
      const third = await engine.create({ ...mounted, mounts: [`${gone?.name ?? ''}:/data`] });
      expect(await engine.get(third, '/data')).toEqual(new Map());
      await engine.remove(third);
      await engine.removeVolume(gone?.name ?? '');
    });

    test('a volume of a container that runs, even with a read-only root, is read and written the same', async () => {
      await engine.createVolume(volume, labels);
      const { image, entrypoint } = subject;
      const mounts = [`${volume}:/data`];
      const limits = { restart: 'unless-stopped' as const, memoryBytes: 16 * 1024 ** 2, pids: 8 };
      const id = await engine.create({ image, entrypoint, command: [], labels, mounts, readOnly: true, ...limits });
      await engine.put(id, '/data', [{ path: 'folder/a', content: 'before' }]);
      const mark = await engine.mark(id, '/data/folder');
      expect(mark).toBeDefined();
      expect(await engine.mark(id, '/data/folder')).toBe(mark);
      expect(await engine.mark(id, '/nowhere')).toBeUndefined();
      await engine.start(id);
      await engine.start(id);
      await engine.put(id, '/data', [{ path: 'folder/a', content: 'while it runs' }]);
      expect((await engine.get(id, '/data/folder'))?.get('folder/a')?.toString()).toBe('while it runs');
      expect(await engine.mark(id, '/data/folder')).not.toBe(mark);
    });

    test('a container is found by its name too; the files of one that is gone are not nothing', async () => {
      const id = await create('named');
      expect(await engine.inspect(`horme-${mark}-named`)).toMatchObject({ id, labels });
      await engine.remove(id);
      expect(await engine.inspect(`horme-${mark}-named`)).toBeUndefined();
      await expect(engine.get(id, '/etc')).rejects.toBeInstanceOf(ContainerGone);
    });

    test('a container starts, runs programs, and ends', async () => {
      const id = await create();
      await engine.start(id);
      expect(await engine.inspect(id)).toMatchObject({ id, running: true });
      expect(await engine.exec(id, ['sh', '-c', 'echo hello; exit 3'])).toEqual({ exitCode: 3, output: 'hello\n' });
      const ended = engine.wait(id);
      await engine.stop(id, 1);
      expect(await ended).toBeGreaterThan(127);
      expect(await engine.inspect(id)).toMatchObject({ id, running: false });
      expect((await engine.containers(labels))[0]).toMatchObject({
        state: 'exited',
        status: expect.stringMatching(/^Exited \(\d+\)/) as string,
      });
    });

    test('in a container that does not run, a program fails as one that was killed', async () => {
      const id = await create();
      expect((await engine.exec(id, ['sh', '-c', 'true'])).exitCode).toBe(137);
    });

    test('a conversation goes both ways and ends', async () => {
      const id = await create();
      await engine.start(id);
      const stream = await engine.converse(id, ['cat']);
      const answer = new Promise<string>((resolve) =>
        stream.once('data', (chunk: Buffer) => resolve(chunk.toString())),
      );
      stream.write('hello\n');
      expect(await answer).toBe('hello\n');
      const over = new Promise((resolve) => stream.once('end', resolve).once('close', resolve));
      stream.resume();
      await engine.remove(id);
      await over;
    });

    test('a tag is given and taken, and an image that is not there is undefined', async () => {
      const image = await engine.image(subject.image);
      const tag = `horme-test/${mark}:one`;
      await engine.tag(image?.id ?? '', tag);
      expect((await engine.image(tag))?.id).toBe(image?.id);
      expect((await engine.images(`horme-test/${mark}`)).map(({ id }) => id)).toEqual([image?.id]);
      expect(await engine.untag(tag)).toBe(true);
      expect(await engine.untag(tag)).toBe(true);
      expect(await engine.image(tag)).toBeUndefined();
      expect((await engine.image(subject.image))?.id).toBe(image?.id);
    });
  });
}
