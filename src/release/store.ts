import { posix } from 'node:path';
import { labels } from '../engine/labels.ts';
import { ContainerGone, NameTaken, type Container, type Engine, type FileEntry } from '../engine/engine.ts';
import { holding, refuseForeign } from './holder.ts';

/** Mount points, in the store's container, of the volumes that Horme itself writes. */
export const stateFolder = '/state';
export const edgeFolder = '/edge';
/** Folder of the state that every run reads. It is small, so that one request reads all of it. */
export const nowFolder = 'now';
/** Mode of a file with secrets: only root can read it in any container that mounts the volume. */
export const forRootAlone = { mode: 0o400, uid: 0, gid: 0 };
export const stateVolume = 'horme-state';
export const edgeVolume = 'horme-edge';
export const volumeNames = (project: string) => ({
  state: `${project}_${stateVolume}`,
  edge: `${project}_${edgeVolume}`,
});

export const storeName = (project: string) => `${project}-horme-store`;
/** Retries when another process creates or removes the container at the same moment. */
const openTries = 5;

/**
 * State that all operators of a project share, in volumes on the engine. The engine's API reads and writes the files
 * through a container that mounts the volumes, even a stopped one; a running one keeps the container and the volumes
 * from a prune.
 */
export class Store {
  readonly #engine: Engine;
  readonly #project: string;
  #id: string;
  /** Whether a running container holds the volumes. */
  readonly held: boolean;
  #now: Promise<{ files: Map<string, Buffer>; mark: string | undefined }> | undefined;
  /** An earlier store of this process with the same state. */
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

  /** Decided by the volume, since its container may have been pruned. */
  static async hasState(engine: Engine, project: string): Promise<boolean> {
    const volumes = await engine.volumes({ [labels.project]: project });
    return volumes.some(({ name }) => name === volumeNames(project).state);
  }

  /**
   * For reading a state whose container is gone. The container is created but not started, since reading changes
   * nothing.
   */
  static async reader(engine: Engine, project: string, toolsImage: string): Promise<Store> {
    return Store.#make(engine, project, toolsImage, false);
  }

  /**
   * Needs the lock. Afterwards a running container mounts the volumes. `former`: an earlier store, whose content is
   * reused if nobody has written since.
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
      // It was stopped, or is of an older Horme that never started it. Its volumes are named, so they stay.
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

  /** Files below a folder, by path relative to it; empty if there is no such folder. */
  async read(folder: string): Promise<Map<string, Buffer>> {
    const files = (await this.#get(folder)) ?? new Map<string, Buffer>();
    const base = folder.split('/').at(-1) ?? '';
    return new Map([...files].map(([path, content]) => [path === base ? '' : path.slice(base.length + 1), content]));
  }

  /** A deploy replaces a stopped container, perhaps while another process reads through it. */
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
   * A file of `nowFolder`, as it was at the first read or as this store has written it since; undefined if there is
   * none. The cache is there because the engine takes about 60 ms for each request to a container's files.
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
    // Taken before the files are read, so that a write during the read counts as later.
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
      // The failed write may have replaced some of the files.
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

/** Includes Compose's own labels, so that Compose accepts the volume as its project's and does not warn. */
export function volumeLabels(project: string, name: string): Record<string, string> {
  return { [labels.project]: project, [labels.composeProject]: project, [labels.composeVolume]: name };
}
