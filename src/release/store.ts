import { posix } from 'node:path';
import { labels } from '../engine/labels.ts';
import { ContainerGone, NameTaken, type Container, type Engine, type FileEntry } from '../engine/engine.ts';
import { holding, refuseForeign } from './holder.ts';

/** Volumes of a project that Horme itself writes, with the place where the store's container has them. */
export const stateFolder = '/state';
export const edgeFolder = '/edge';
/** What every run reads, below the state: small, so that one request brings all of it. */
export const nowFolder = 'now';
/** Of a file with secrets: no container's user but root reads it, whoever mounts the volume. */
export const forRootAlone = { mode: 0o400, uid: 0, gid: 0 };
export const stateVolume = 'horme-state';
export const edgeVolume = 'horme-edge';
export const volumeNames = (project: string) => ({
  state: `${project}_${stateVolume}`,
  edge: `${project}_${edgeVolume}`,
});

export const storeName = (project: string) => `${project}-horme-store`;
/** Someone else makes it or takes it away at the same moment, at most a few times. */
const openTries = 5;

/**
 * What all operators of a project must see alike lives on the engine's side, in volumes. The engine reads and writes files
 * of a container that mounts them, whether it runs or not; that it runs keeps both from being pruned.
 */
export class Store {
  readonly #engine: Engine;
  readonly #project: string;
  #id: string;
  /** Whether a running container holds the volumes. */
  readonly held: boolean;
  #now: Promise<{ files: Map<string, Buffer>; mark: string | undefined }> | undefined;
  /** Who read the same state before. */
  #former: Store | undefined;

  private constructor(engine: Engine, project: string, { id, held }: { id: string; held: boolean }) {
    this.#engine = engine;
    this.#project = project;
    this.#id = id;
    this.held = held;
  }

  static existing(engine: Engine, project: string, seen: Container[]): Store | undefined {
    const container = seen.find((one) => one.labels[labels.role] === 'store');
    return container && new Store(engine, project, { id: container.id, held: container.state === 'running' });
  }

  static async find(engine: Engine, project: string): Promise<Store | undefined> {
    return Store.existing(
      engine,
      project,
      await engine.containers({ [labels.project]: project, [labels.role]: 'store' }),
    );
  }

  /** The volume is the truth: its container may have been pruned. */
  static async hasState(engine: Engine, project: string): Promise<boolean> {
    const volumes = await engine.volumes({ [labels.project]: project });
    return volumes.some(({ name }) => name === volumeNames(project).state);
  }

  /** For a look at a state whose container is gone: made, and not started, since looking changes nothing. */
  static async reader(engine: Engine, project: string, toolsImage: string): Promise<Store> {
    return Store.#make(engine, project, toolsImage, false);
  }

  /**
   * For whoever has the lock: afterwards a running container holds the volumes. `former`: what that one has read is not read
   * again where nobody wrote since.
   */
  static async open(engine: Engine, project: string, toolsImage: string, former?: Store): Promise<Store> {
    const store = await Store.#make(engine, project, toolsImage, true);
    store.#former = former;
    return store;
  }

  static async #make(engine: Engine, project: string, toolsImage: string, held: boolean): Promise<Store> {
    const name = storeName(project);
    for (let tries = 1; ; tries += 1) {
      const existing = await Store.find(engine, project);
      if (existing && (existing.held || !held)) return existing;
      // It never ran, as those of former versions, or someone stopped it; its volumes have names and stay.
      if (existing) await engine.remove(existing.#id);
      try {
        const id = await create(engine, project, toolsImage);
        if (held) await engine.start(id);
        return new Store(engine, project, { id, held });
      } catch (error) {
        if (!(error instanceof NameTaken) || tries >= openTries) throw error;
        await refuseForeign(engine, project, 'store', name);
      }
    }
  }

  /** Files below a folder by their path relative to it; empty when there is no such folder. */
  async read(folder: string): Promise<Map<string, Buffer>> {
    const files = (await this.#get(folder)) ?? new Map<string, Buffer>();
    const base = folder.split('/').at(-1) ?? '';
    return new Map([...files].map(([path, content]) => [path === base ? '' : path.slice(base.length + 1), content]));
  }

  /** A deploy replaces a container that doesn't run, perhaps under the eyes of who reads. */
  async #get(folder: string): Promise<Map<string, Buffer> | undefined> {
    try {
      return await this.#engine.get(this.#id, folder);
    } catch (error) {
      const successor = error instanceof ContainerGone && (await this.#engine.inspect(storeName(this.#project)));
      if (!successor) throw error;
      this.#id = successor.id;
      return this.#engine.get(this.#id, folder);
    }
  }

  /**
   * A file of the folder that every run reads, as it was at the first such look, or as this store wrote it since; undefined
   * when there is none. The engine takes some 60 ms for each request to a container's files.
   */
  async readNow<T>(name: string): Promise<T | undefined> {
    const content = (await this.#files()).get(name);
    return content && (JSON.parse(content.toString('utf8')) as T);
  }

  async #files(): Promise<Map<string, Buffer>> {
    const reading = (this.#now ??= this.#readAll());
    try {
      return (await reading).files;
    } catch (error) {
      this.#now = undefined;
      throw error;
    }
  }

  async #readAll() {
    const folder = `${stateFolder}/${nowFolder}`;
    // Before the files, so that what is written while they are read counts as later.
    const mark = await this.#engine.mark(this.#id, folder);
    const known = this.#former ? await this.#former.#now : undefined;
    if (mark !== undefined && known?.mark === mark) return { mark, files: new Map(known.files) };
    return { mark, files: await this.read(folder) };
  }

  async writeNow(name: string, value: unknown, access: Partial<FileEntry> = {}): Promise<void> {
    await this.write(stateFolder, [{ path: `${nowFolder}/${name}`, content: JSON.stringify(value), ...access }]);
  }

  async readJson<T>(path: string): Promise<T | undefined> {
    const content = (await this.read(path)).get('');
    return content && (JSON.parse(content.toString('utf8')) as T);
  }

  async write(folder: string, files: FileEntry[]): Promise<void> {
    try {
      await this.#engine.put(this.#id, folder, files);
    } catch (error) {
      // It may have left a part of them.
      this.#now = undefined;
      throw error;
    }
    const now = await this.#now?.catch(() => undefined);
    for (const { path, content } of files) {
      const name = posix.relative(`${stateFolder}/${nowFolder}`, posix.join(folder, path));
      if (!now || name.startsWith('..')) continue;
      now.files.set(name, Buffer.from(content));
      now.mark = undefined;
    }
  }
}

async function create(engine: Engine, project: string, toolsImage: string): Promise<string> {
  const { state, edge } = volumeNames(project);
  await engine.createVolume(state, volumeLabels(project, stateVolume));
  await engine.createVolume(edge, volumeLabels(project, edgeVolume));
  return engine.create({
    ...holding,
    name: storeName(project),
    image: toolsImage,
    labels: { [labels.project]: project, [labels.role]: 'store' },
    mounts: [`${state}:${stateFolder}`, `${edge}:${edgeFolder}`],
    readOnly: true,
    restart: 'unless-stopped',
  });
}

/** With Compose's own labels, so that it takes the volume for one of its project instead of warning about it. */
export function volumeLabels(project: string, name: string): Record<string, string> {
  return { [labels.project]: project, [labels.composeProject]: project, [labels.composeVolume]: name };
}
