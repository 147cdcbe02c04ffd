import { relative } from 'node:path';
import { failure } from '../../failure.ts';
import type { Agent, Repository } from '../agent.ts';
import { restic, type Message } from './restic.ts';
import type { Snapshot } from './snapshots.ts';

/** 2 TB at 50 MB/s, twice. */
export const readAllSeconds = 24 * 3600;

const devices = ['dev', 'chardev'];

/** A file, folder or other entry of a snapshot, as `restic ls` has it. */
export interface Node {
  path: string;
  type: string;
  size?: number;
  /** Go's own bits: https://pkg.go.dev/io/fs#FileMode */
  mode: number;
  uid?: number;
  gid?: number;
}

/** Calls `look` for every entry of the snapshot. */
export async function readNodes(
  agent: Agent,
  repository: Repository,
  { id }: Snapshot,
  look: (message: Message) => void,
  nice = 0,
): Promise<void> {
  await restic(agent, repository, ['ls', id], { seconds: readAllSeconds, onMessage: look, nice });
}

/**
 * What the snapshot says of the folder itself. Fails when it lacks the folder, or has a device in it: whoever can write into a
 * repository could hand a container the machine's disk.
 */
export async function checkedFolder(
  agent: Agent,
  repository: Repository,
  snapshot: Snapshot,
  folder: string,
  nice = 0,
): Promise<Node> {
  const found: string[] = [];
  let root: Node | undefined;
  const look = (message: Message): void => {
    const node = message as unknown as Node;
    if (node.path === folder) root ??= node;
    else if (devices.includes(node.type) && isBelow(folder, node.path)) found.push(node.path);
  };
  await readNodes(agent, repository, snapshot, look, nice);
  if (found.length > 0) {
    const first = found.slice(0, 20).join(', ');
    throw failure('devices-in-backup', `the snapshot holds devices: ${first}; nothing was restored`);
  }
  if (root === undefined)
    throw failure('snapshot-incomplete', `snapshot ${snapshot.id.slice(0, 8)} holds no ${folder}`);
  return root;
}

const isBelow = (folder: string, path: string): boolean => !relative(folder, path).startsWith('..');
