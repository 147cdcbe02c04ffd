import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import {
  ContainerGone,
  NameTaken,
  isAnonymous,
  type Container,
  type ContainerSpec,
  type Engine,
  type ExecOptions,
  type ExecResult,
  type Image,
} from './engine.ts';

type Files = Map<string, Buffer>;

interface FakeContainer extends Container {
  spec: ContainerSpec;
  files: Files;
  exitCode: number;
  ended: (() => void)[];
}

/** Behaviour that a test sets: answers of programs in containers, and the time. */
export interface FakeOptions {
  exec?: (container: Container, command: string[], input?: string, options?: ExecOptions) => ExecResult;
  converse?: (container: Container, command: string[]) => Duplex;
  now?: () => Date;
}

export interface FakeEngine extends Engine {
  addImage(image: Partial<Image>, files?: Record<string, string>): Image;
  /** Ends a container, as a crash would. */
  exit(id: string, exitCode: number): void;
  /** Like "docker container prune" and "docker volume prune -a": removes stopped containers, then unmounted volumes. */
  prune(): void;
  /** For a test that asks what was left. */
  readonly all: Container[];
}

/** An in-memory engine, tested against the same contract as the real one. */
export function fakeEngine(options: FakeOptions = {}): FakeEngine {
  const containers = new Map<string, FakeContainer>();
  const images = new Map<string, { image: Image; files: Files }>();
  const volumes = new Map<string, { labels: Record<string, string>; files: Files }>();
  const now = options.now ?? (() => new Date());

  function existing(id: string): FakeContainer {
    const container = containers.get(id);
    if (!container) throw new Error(`no such container: ${id}`);
    return container;
  }

  const imageOf = (reference: string) =>
    [...images.values()].find(({ image }) => image.id === reference || image.tags.includes(reference));

  /** The longest matching mount wins; without one the path is in the container itself. */
  function placeOf(container: FakeContainer, path: string): { files: Files; prefix: string } {
    const mounts = (container.spec.mounts ?? []).map((mount) => mount.split(':'));
    const found = mounts
      .filter(([, target = '']) => path === target || path.startsWith(`${target}/`))
      .sort(([, a = ''], [, b = '']) => b.length - a.length)[0];
    const [volume, target] = found ?? [];
    if (volume === undefined || target === undefined) return { files: container.files, prefix: '' };
    return { files: volumeOf(volume, {}).files, prefix: target };
  }

  function volumeOf(name: string, labels: Record<string, string>) {
    const volume = volumes.get(name) ?? { labels, files: new Map<string, Buffer>() };
    volumes.set(name, volume);
    return volume;
  }

  function everyPath(container: FakeContainer): [string, Buffer][] {
    const mounted = (container.spec.mounts ?? []).flatMap((mount) => {
      const [volume = '', target = ''] = mount.split(':');
      return [...volumeOf(volume, {}).files].map(([path, content]): [string, Buffer] => [`${target}${path}`, content]);
    });
    return [...container.files, ...mounted];
  }

  const isFolder = (container: FakeContainer, path: string) =>
    path === '/' ||
    (container.spec.mounts ?? []).some((mount) => mount.split(':')[1] === path) ||
    everyPath(container).some(([file]) => file.startsWith(`${path}/`));

  function end(container: FakeContainer, exitCode: number): void {
    if (container.state !== 'running') return;
    Object.assign(container, { state: 'exited', status: `Exited (${exitCode}) 1 second ago`, exitCode });
    container.ended.splice(0).forEach((tell) => tell());
  }

  return {
    get all() {
      return [...containers.values()];
    },
    addImage(image, content = {}) {
      const id = image.id ?? `sha256:${randomBytes(32).toString('hex')}`;
      const whole: Image = { ...emptyImage, id, ...image };
      const files = new Map(Object.entries(content).map(([path, text]) => [path, Buffer.from(text)]));
      images.set(id, { image: whole, files });
      return whole;
    },
    exit: (id, exitCode) => end(existing(id), exitCode),
    prune() {
      for (const one of [...containers.values()]) if (one.state !== 'running') containers.delete(one.id);
      const mounted = new Set([...containers.values()].flatMap(({ spec }) => (spec.mounts ?? []).map(sourceOf)));
      for (const name of [...volumes.keys()]) if (!mounted.has(name)) volumes.delete(name);
    },
    async info() {
      return { version: 'fake', apiVersion: '1.41', cpus: 4, memoryBytes: 8 * 1024 ** 3, now: now() };
    },
    async containers(labels) {
      return [...containers.values()].filter((one) => matches(one.labels, labels)).map(listed);
    },
    async inspect(id) {
      const one = containers.get(id) ?? [...containers.values()].find(({ name }) => name === id);
      if (!one) return undefined;
      const { name, state, exitCode, labels } = one;
      const unchecked = { healthcheck: undefined, health: undefined, restartCount: 0, oomKilled: false };
      return { id: one.id, name, running: state === 'running', exitCode, startedAt: now(), labels, ...unchecked };
    },
    async image(reference) {
      return imageOf(reference)?.image;
    },
    async images(reference) {
      const prefix = reference.replace(/\*$/, '');
      return [...images.values()]
        .map(({ image }) => image)
        .filter(({ tags }) => tags.some((tag) => tag.startsWith(prefix)));
    },
    async tag(imageId, reference) {
      const found = imageOf(imageId);
      if (!found) throw new Error(`no such image: ${imageId}`);
      for (const { image } of images.values()) image.tags = image.tags.filter((tag) => tag !== reference);
      found.image.tags = [...found.image.tags, reference];
    },
    async untag(reference) {
      const found = imageOf(reference);
      if (!found) return true;
      const last = found.image.tags.length === 1;
      if (last && [...containers.values()].some(({ imageId }) => imageId === found.image.id)) return false;
      found.image.tags = found.image.tags.filter((tag) => tag !== reference);
      if (last) images.delete(found.image.id);
      return true;
    },
    async create(asked) {
      const found = imageOf(asked.image);
      if (!found) throw new Error(`no such image: ${asked.image}`);
      const spec = { ...asked, mounts: withNames(asked.mounts ?? [], found.image.volumes) };
      const id = randomBytes(32).toString('hex');
      const name = spec.name ?? `fake_${id.slice(0, 12)}`;
      if ([...containers.values()].some((one) => one.name === name)) throw new NameTaken(`the name ${name} is in use`);
      containers.set(id, {
        ...{ id, name, spec, image: spec.image, imageId: found.image.id, state: 'created', status: 'Created' },
        ...{ createdSeconds: now().getTime() / 1000, labels: { ...found.image.labels, ...spec.labels } },
        ...{ addresses: {}, files: new Map(found.files), exitCode: 0, ended: [] },
        anonymousVolumes: spec.mounts
          .map((mount) => ({ name: sourceOf(mount), path: mount.split(':')[1] ?? '' }))
          .filter((volume) => isAnonymous(volume.name)),
      });
      for (const mount of spec.mounts) volumeOf(sourceOf(mount), {});
      return id;
    },
    async start(id) {
      Object.assign(existing(id), { state: 'running', status: 'Up 1 second' });
    },
    async stop(id) {
      const container = containers.get(id);
      if (container) end(container, 143);
    },
    async remove(id, options) {
      const container = containers.get(id);
      if (container) end(container, 137);
      containers.delete(id);
      if (options?.withAnonymousVolumes) container?.anonymousVolumes.forEach(({ name }) => volumes.delete(name));
    },
    async wait(id) {
      const container = existing(id);
      if (container.state === 'running') await new Promise<void>((resolve) => container.ended.push(resolve));
      return container.exitCode;
    },
    async exec(id, command, { input, deadlineSeconds: _deadline, signal: _signal, ...ownOptions } = {}) {
      const container = existing(id);
      if (container.state !== 'running') return { exitCode: 137, output: `container ${id} is not running` };
      return options.exec?.(container, command, input, ownOptions) ?? { exitCode: 0, output: '' };
    },
    async converse(id, command) {
      const container = existing(id);
      if (container.state !== 'running' || !options.converse) throw new Error(`container ${id} is not running`);
      return options.converse(container, command);
    },
    async logs() {
      return '';
    },
    async put(id, directory, entries) {
      const container = existing(id);
      if (!isFolder(container, directory)) throw new Error(`no such folder: ${directory}`);
      for (const { path, content } of entries) {
        const whole = `${directory === '/' ? '' : directory}/${path}`;
        const { files, prefix } = placeOf(container, whole);
        files.set(whole.slice(prefix.length), Buffer.from(content));
      }
    },
    async get(id, path) {
      const container = containers.get(id);
      if (!container) throw new ContainerGone(`the container ${id} is gone`);
      const parent = path.slice(0, path.lastIndexOf('/') + 1);
      const found = everyPath(container).filter(([file]) => file === path || file.startsWith(`${path}/`));
      if (found.length === 0 && !isFolder(container, path)) return undefined;
      return new Map(found.map(([file, content]) => [file.slice(parent.length), content]));
    },
    async mark(id, folder) {
      const container = containers.get(id);
      if (!container || !isFolder(container, folder)) return undefined;
      const inside = everyPath(container).filter(([file]) => file.slice(0, file.lastIndexOf('/')) === folder);
      return JSON.stringify(inside.map(([file, content]) => [file, content.toString('base64')]));
    },
    async volumes(labels) {
      return [...volumes]
        .map(([name, own]) => ({ name, labels: own.labels, mountpoint: `/volumes/${name}/_data` }))
        .filter((one) => matches(one.labels, labels));
    },
    async createVolume(name, labels) {
      volumeOf(name, labels);
    },
    async removeVolume(name) {
      volumes.delete(name);
    },
    async networks() {
      return [];
    },
    async removeNetwork() {},
  };
}

const emptyImage: Omit<Image, 'id'> = {
  tags: [],
  digests: [],
  labels: {},
  entrypoint: [],
  command: [],
  user: '',
  exposedPorts: [],
  volumes: [],
  shell: [],
  hasHealthcheck: false,
  createdSeconds: 0,
  sizeBytes: 0,
};

const sourceOf = (mount: string) => mount.split(':')[0] ?? '';

/** Adds anonymous volumes for mounts without a source, and for the image's VOLUMEs that no mount covers. */
function withNames(mounts: string[], imageVolumes: string[]): string[] {
  const named = mounts.filter((mount) => mount.includes(':'));
  const bare = [...mounts.filter((mount) => !mount.includes(':')), ...imageVolumes];
  const covered = named.map((mount) => mount.split(':')[1]);
  const anonymous = bare.filter((path) => !covered.includes(path));
  return [...named, ...anonymous.map((path) => `${randomBytes(32).toString('hex')}:${path}`)];
}

const matches = (labels: Record<string, string>, wanted: Record<string, string | undefined>) =>
  Object.entries(wanted).every(([name, value]) => (value === undefined ? name in labels : labels[name] === value));

function listed({
  spec: _spec,
  files: _files,
  exitCode: _exitCode,
  ended: _ended,
  ...container
}: FakeContainer): Container {
  return { ...container };
}
