/**
 * Takes restored data into use, and sets aside what was there, in all members. Killed at any point and repeated, it ends the
 * same; the database's members are stopped meanwhile.
 */

import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncFolder, writeDurably } from '../../durable.ts';
import { failure, hasErrno } from '../../failure.ts';
import { exists, isFolder } from '../../folder.ts';
import type { Agent, Progress } from '../agent.ts';
import type { Swapped } from '../contract.ts';
import { markOf, restoredFolder } from './mark.ts';

export interface SwapOptions {
  stamp: string;
  /** Their names, with commas between them; the first has the restored data. */
  members: string;
}

type Place = Pick<Agent, 'told' | 'folders'>;

export async function runSwap(
  agent: Place,
  { members: names, stamp }: SwapOptions,
  progress: Progress,
): Promise<Swapped> {
  const members = await membersOf(agent, names);
  refuseStamp(stamp);
  const [first = '', ...others] = members;
  const { version } = agent.told;
  const journal = join(first, `.horme-swap-${stamp}`);
  if (await isDone(journal)) {
    progress('this was swapped in before');
    return resultOf(members, version, stamp);
  }
  if (!(await exists(journal))) {
    await completeOrRefuse(first, version);
    await writeDurably(journal, JSON.stringify({ done: false }));
  }
  // The first comes last: until its data is the restored one, what would start is the former database, and not half of each.
  for (const member of others) await setAside(member, version, stamp);
  if (await isFolder(restoredFolder(first, version))) {
    await setAside(first, version, stamp);
    await renamed(restoredFolder(first, version), dataOf(first, version));
  }
  progress(`${basename(first)} has the restored data`);
  await rm(markOf(first), { force: true });
  await writeDurably(journal, JSON.stringify({ done: true }));
  await forgetOthers(journal);
  return resultOf(members, version, stamp);
}

/** A swap that was cut short is over, too: a member takes its journal for a reason not to start. */
async function forgetOthers(journal: string): Promise<void> {
  const folder = dirname(journal);
  const journals = (await readdir(folder)).filter((name) => name.startsWith('.horme-swap-'));
  for (const name of journals) if (name !== basename(journal)) await rm(join(folder, name));
}

async function membersOf({ folders }: Place, names: string): Promise<string[]> {
  const members = names.split(',').map((name) => join(folders.members, name));
  for (const member of members) {
    if (dirname(member) === folders.members && (await isFolder(member))) continue;
    throw failure('no-such-member', `${basename(member)} is not mounted below ${folders.members}`);
  }
  return members;
}

function refuseStamp(stamp: string): void {
  if (/^[A-Za-z0-9-]{1,64}$/.test(stamp)) return;
  throw failure('usage', `'${stamp}' is no stamp: letters, digits and '-'`);
}

const dataOf = (member: string, version: number): string => join(member, String(version));

const formerOf = (member: string, version: number, stamp: string): string => join(member, `${version}.former-${stamp}`);

/** Once: what is there after that is new data, of a replica that was started again. */
async function setAside(member: string, version: number, stamp: string): Promise<void> {
  const [data, former] = [dataOf(member, version), formerOf(member, version, stamp)];
  if ((await exists(data)) && !(await exists(former))) await renamed(data, former);
}

async function completeOrRefuse(first: string, version: number): Promise<void> {
  if ((await isFolder(restoredFolder(first, version))) && (await exists(markOf(first)))) return;
  const again = 'horme restore, or horme recover, with the same words';
  throw failure('nothing-restored', `${basename(first)} has no completely restored data`, again);
}

async function renamed(source: string, target: string): Promise<void> {
  await rename(source, target);
  await syncFolder(dirname(source));
}

async function isDone(journal: string): Promise<boolean> {
  try {
    return (JSON.parse(await readFile(journal, 'utf8')) as { done?: unknown }).done === true;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

async function resultOf(members: string[], version: number, stamp: string): Promise<Swapped> {
  const former: string[] = [];
  for (const member of members) {
    const folder = formerOf(member, version, stamp);
    if (await isFolder(folder)) former.push(folder);
  }
  return { folder: dataOf(members[0] ?? '', version), former };
}
