import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DescriptorLock } from './descriptor-lock.ts';
import { writeDurably } from './durable.ts';
import { hasErrno } from './failure.ts';

/** One JSON object on disk, written whole or not at all, by `serve` and by commands beside it. */
export class StateFile<S extends object> {
  readonly #file: string;
  /** On tmpfs: it is there for as long as the container's disk is full. */
  readonly #spare: string;
  readonly #lock: string;
  readonly #write: typeof writeDurably;
  /** Updates of this process, one after the other: flock would let two of its tasks wait for each other's perl. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(folder: string, spare: string, write: typeof writeDurably = writeDurably) {
    this.#file = join(folder, 'status.json');
    this.#lock = join(folder, 'status.lock');
    this.#spare = spare;
    this.#write = write;
  }

  /** Empty when there is none. A torn one counts as none: then work is due at once, which is the safe side. */
  async read(): Promise<Partial<S>> {
    for (const file of [this.#spare, this.#file]) {
      const text = await textOf(file);
      if (text !== undefined) return objectOf<S>(text);
    }
    return {};
  }

  /** `change` edits the state in place; nobody else's update comes between. */
  update(change: (known: Partial<S>) => void): Promise<void> {
    const next = this.#last.then(() => this.#updated(change));
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #updated(change: (known: Partial<S>) => void): Promise<void> {
    const lock = await DescriptorLock.open(this.#lock, 'a');
    try {
      await lock.wait();
      const known = await this.read();
      change(known);
      await this.#written(JSON.stringify(known, undefined, 1));
    } finally {
      await lock.close();
    }
  }

  /** A full disk is what there is to tell then: until there is room again it is told from memory. */
  async #written(text: string): Promise<void> {
    try {
      await this.#write(this.#file, text);
      await rm(this.#spare, { force: true });
    } catch (error) {
      if (!hasErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
      await this.#write(this.#spare, text);
    }
  }
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function objectOf<S>(text: string): Partial<S> {
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === 'object' && found !== null && !Array.isArray(found) ? found : {};
  } catch {
    return {};
  }
}
