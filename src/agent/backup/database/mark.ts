/** What `restore` leaves in a member's volume: the data beside the member's own, and a mark once it is complete. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '../../durable.ts';
import { hasErrno } from '../../failure.ts';
import type { Iso, Restored } from '../contract.ts';
import type { Wanted } from './target.ts';

export interface Mark {
  request: Wanted;
  at: Iso;
  result: Restored;
}

export const restoredFolder = (member: string, version: number): string => join(member, `${version}.restored`);

export const restoredLog = (member: string, version: number): string => join(member, `${version}.restored.log`);

export const markOf = (member: string): string => join(member, '.horme-restored.json');

/** Undefined where there is none, or a torn one. */
export async function readMark(member: string): Promise<Mark | undefined> {
  try {
    const found = JSON.parse(await readFile(markOf(member), 'utf8')) as Partial<Mark>;
    return found.request && found.result ? (found as Mark) : undefined;
  } catch (error) {
    if (hasErrno(error, 'ENOENT') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Last, and only when all else is on the disk: what it stands beside is complete. */
export const writeMark = (member: string, mark: Mark): Promise<void> =>
  writeDurably(markOf(member), JSON.stringify(mark));
