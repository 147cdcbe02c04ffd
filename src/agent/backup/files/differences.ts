import type { BigIntStats } from 'node:fs';
import { exactLstatOf, walk } from '../../folder.ts';
import { parseMoment } from '../../moments.ts';
import type { Differences } from '../contract.ts';
import type { Message } from './restic.ts';

// A folder compared with what a snapshot holds of it: by type, size and time of change, without reading content.

/** Of each list; `counts` has the whole number. A volume may have millions of files, and a person reads the first few. */
const mostNamed = 1000;

/** By path relative to the folder: type, size and nanoseconds of the last change, in one text that is cheap to keep. */
export type Tree = Map<string, string>;

interface Node {
  path?: string;
  type: string;
  size?: number;
  mtime: string;
}

/** Adds a node of `restic ls` when it is below the folder. */
export function noteNode(tree: Tree, message: Message, folder: string): void {
  const { path = '', type, size = 0, mtime } = message as unknown as Node;
  if (path.startsWith(`${folder}/`))
    tree.set(
      path.slice(folder.length + 1),
      entry(type, size, () => nanoseconds(mtime)),
    );
}

/** Uses `then` up. */
export async function compareFolder(then: Tree, folder: string): Promise<Differences> {
  const added: string[] = [];
  const changed: string[] = [];
  const prefix = Buffer.byteLength(folder) + 1;
  for await (const path of walk(folder)) {
    const found = await exactLstatOf(path);
    // Removed since it was listed.
    if (found === undefined) continue;
    // As restic's JSON has it, which puts U+FFFD where a name is no UTF-8.
    const name = path.subarray(prefix).toString('utf8');
    const former = then.get(name);
    then.delete(name);
    if (former === undefined) added.push(name);
    else if (former !== entry(typeOf(found), found.size, () => found.mtimeNs)) changed.push(name);
  }
  const removed = [...then.keys()];
  const first = (paths: string[]): string[] => paths.sort().slice(0, mostNamed);
  return {
    added: first(added),
    changed: first(changed),
    removed: first(removed),
    counts: { added: added.length, changed: changed.length, removed: removed.length },
  };
}

/** A folder's time changes with what is in it, which is told by itself. */
function entry(type: string, size: number | bigint, changedAt: () => bigint): string {
  return `${type} ${type === 'file' ? size : 0} ${type === 'dir' ? 0 : changedAt()}`;
}

function typeOf(found: BigIntStats): string {
  if (found.isFile()) return 'file';
  if (found.isDirectory()) return 'dir';
  if (found.isSymbolicLink()) return 'symlink';
  if (found.isFIFO()) return 'fifo';
  return found.isSocket() ? 'socket' : 'device';
}

/** Exactly, which a number is not. */
function nanoseconds(text: string): bigint {
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? '';
  const whole = parseMoment(text.replace(/\.\d+/, '')).getTime() / 1000;
  return BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9));
}
