import { labels } from '../engine/labels.ts';
import { NameTaken, type Container, type Engine, type FileEntry } from '../engine/engine.ts';

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

/**
 * What all operators of a project must see alike lives on the engine's side, in volumes. They are reached through a
 * container that is never started: the engine reads and writes files of such a one too.
 */
export class Store {
  readonly #engine: Engine;
  readonly #id: string;
  #now: Promise<Map<string, Buffer>> | undefined;

  private constructor(engine: Engine, id: string) {
    this.#engine = engine;
    this.#id = id;
  }

  static existing(engine: Engine, seen: Container[]): Store | undefined {
    const container = seen.find((one) => one.labels[labels.role] === 'store');
    return container && new Store(engine, container.id);
  }

  static async find(engine: Engine, project: string): Promise<Store | undefined> {
    return Store.existing(engine, await engine.containers({ [labels.project]: project, [labels.role]: 'store' }));
  }

  static async open(engine: Engine, project: string, toolsImage: string): Promise<Store> {
    const existing = await Store.find(engine, project);
    if (existing) return existing;
    const { state, edge } = volumeNames(project);
    await engine.createVolume(state, volumeLabels(project, stateVolume));
    await engine.createVolume(edge, volumeLabels(project, edgeVolume));
    try {
      const id = await engine.create({
        name: `${project}-horme-store`,
        image: toolsImage,
        labels: { [labels.project]: project, [labels.role]: 'store' },
        mounts: [`${state}:${stateFolder}`, `${edge}:${edgeFolder}`],
      });
      return new Store(engine, id);
    } catch (error) {
      if (error instanceof NameTaken) return Store.open(engine, project, toolsImage);
      throw error;
    }
  }

  /** Files below a folder by their path relative to it; empty when there is no such folder. */
  async read(folder: string): Promise<Map<string, Buffer>> {
    const files = (await this.#engine.get(this.#id, folder)) ?? new Map<string, Buffer>();
    const base = folder.split('/').at(-1) ?? '';
    return new Map([...files].map(([path, content]) => [path === base ? '' : path.slice(base.length + 1), content]));
  }

  /**
   * A file of the folder that every run reads; undefined when there is none. The engine takes some 30 ms for each request
   * to a container that doesn't run, so the folder is read once and again only after a write.
   */
  async readNow<T>(name: string): Promise<T | undefined> {
    this.#now ??= this.read(`${stateFolder}/${nowFolder}`);
    const content = (await this.#now).get(name);
    return content && (JSON.parse(content.toString('utf8')) as T);
  }

  async writeNow(name: string, value: unknown, access: Partial<FileEntry> = {}): Promise<void> {
    await this.write(stateFolder, [{ path: `${nowFolder}/${name}`, content: JSON.stringify(value), ...access }]);
  }

  async readJson<T>(path: string): Promise<T | undefined> {
    const content = (await this.read(path)).get('');
    return content && (JSON.parse(content.toString('utf8')) as T);
  }

  async write(folder: string, files: FileEntry[]): Promise<void> {
    this.#now = undefined;
    await this.#engine.put(this.#id, folder, files);
  }
}

/** With Compose's own labels, so that it takes the volume for one of its project instead of warning about it. */
export function volumeLabels(project: string, name: string): Record<string, string> {
  return { [labels.project]: project, [labels.composeProject]: project, [labels.composeVolume]: name };
}
