import { core as coreOfProject } from '../areas.ts';
import { sideBySide } from './side-by-side.ts';
import { covers, filesOf, pathOf, type LongFile, type Table } from './files.ts';

const daysOfRound = 7;

export interface Situation {
  table: Table;
  core?: string[];
  /** Paths that changed; undefined when that is not known, which counts as everything. */
  changed: string[] | undefined;
  /** Whole days since 1970, which have no leap at the end of a year: every seventh is the same. */
  day: number;
  /** What the files may take; seconds. */
  seconds: number;
}

export interface Chosen {
  file: LongFile;
  why: string;
}

export interface Choice {
  run: Chosen[];
  /** Its turn or its area had come, and the time did not suffice. */
  noRoom: Chosen[];
  /** Nothing that changed touches them, and their day is another one. */
  rest: Chosen[];
}

/** The files whose day it is come first, then what the change touches, as long as the known seconds fit. */
export function choose(situation: Situation): Choice {
  const { table, day, seconds } = situation;
  const days = daysOf(table);
  const choice: Choice = { run: [], noRoom: [], rest: [] };
  const due = filesOf(table)
    .filter(({ name }) => days.get(name) === day % daysOfRound)
    .map((file) => ({ file, why: 'its day of the week' }));
  for (const one of uniqueFiles([...due, ...touchedBy(situation)])) {
    const takes = wallSeconds([...choice.run, one].map(({ file }) => file));
    (takes <= seconds ? choice.run : choice.noRoom).push(one);
  }
  const named = new Set([...choice.run, ...choice.noRoom].map(({ file }) => file.name));
  for (const file of filesOf(table)) {
    if (named.has(file.name)) continue;
    const wait = ((days.get(file.name) ?? 0) - (day % daysOfRound) + daysOfRound) % daysOfRound;
    choice.rest.push({ file, why: `no change touches it; its day of the week comes in ${wait} d` });
  }
  return choice;
}

/** Each file's day of the seven: the longest first, each to the day that has the least so far. It depends on the table alone. */
export function daysOf(table: Table): Map<string, number> {
  const loads = new Array<number>(daysOfRound).fill(0);
  const days = new Map<string, number>();
  for (const { name, seconds } of filesOf(table).toSorted((a, b) => b.seconds - a.seconds)) {
    const day = loads.indexOf(Math.min(...loads));
    loads[day] = (loads[day] ?? 0) + seconds;
    days.set(name, day);
  }
  return days;
}

/** Those that changed themselves, then those whose area did, then those that stand on a core that did. */
function touchedBy({ table, core = coreOfProject, changed }: Situation): Chosen[] {
  const files = filesOf(table);
  if (changed === undefined) return files.map((file) => ({ file, why: 'what changed is not known' }));
  const changedIn = (patterns: string[]) => changed.find((path) => patterns.some((pattern) => covers(pattern, path)));
  const own = files.filter((file) => changed.includes(pathOf(file))).map((file) => ({ file, why: 'it changed' }));
  const areas = files.flatMap((file) => {
    const path = changedIn(table[file.area]?.proves ?? []);
    return path === undefined ? [] : [{ file, why: `${path} changed` }];
  });
  const below = changedIn(core);
  const all = below === undefined ? [] : files.map((file) => ({ file, why: `${below} changed, of the core` }));
  return [...own, ...areas, ...all];
}

/** Each file once, for its first reason. */
function uniqueFiles(chosen: Chosen[]): Chosen[] {
  const byName = new Map<string, Chosen>();
  for (const one of chosen) if (!byName.has(one.file.name)) byName.set(one.file.name, one);
  return [...byName.values()];
}

/** Those of `together` as vitest takes them, see `LongestFirst`: each to the worker that is free first. */
export function wallSeconds(files: LongFile[]): number {
  const of = (alone: boolean) => files.filter((file) => file.alone === alone).map(({ seconds }) => seconds);
  const workers = new Array<number>(sideBySide).fill(0);
  for (const seconds of of(false).sort((a, b) => b - a)) {
    const free = workers.indexOf(Math.min(...workers));
    workers[free] = (workers[free] ?? 0) + seconds;
  }
  return of(true).reduce((one, other) => one + other, 0) + Math.max(...workers);
}
