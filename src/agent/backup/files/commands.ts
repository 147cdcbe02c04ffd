import type { Command, Option, Values } from '../../command-line.ts';
import type { Given } from '../run.ts';
import { backUpFiles } from './backup.ts';
import { drillFiles } from './drill.ts';
import { replaceContent } from './replace.ts';
import { diffFiles, listSnapshots, restoreFiles, restoredKinds, verifySnapshots, type Wanted } from './restore.ts';

const repo: Option = { kind: 'number', help: 'the number of one repository; else all' };

/** Of a snapshot of a source. */
const choice: Record<string, Option> = {
  name: { kind: 'text', help: 'of the volume' },
  snapshot: { kind: 'text', help: 'the id, or its beginning' },
  latest: { kind: 'flag', help: 'the newest' },
  at: { kind: 'text', help: 'the newest that is no younger than this time' },
  repo,
};
const oneOf = ['snapshot', 'latest', 'at'];

export const filesCommands: Record<string, Command<Given>> = {
  list: {
    help: 'what can be restored',
    run: ({ agent, progress }) => listSnapshots(agent, progress),
  },
  verify: {
    help: 'read everything in all repositories',
    run: ({ agent, progress }) => verifySnapshots(agent, progress),
  },
  backup: {
    help: 'take a backup now',
    // Snapshots of files are always whole: the type is of the database, and whoever asks both roles may name it.
    options: { type: { kind: 'text', help: 'of the database only', choices: ['full', 'diff', 'incr'] } },
    run: ({ agent, progress }) => backUpFiles(agent, {}, progress),
  },
  drill: {
    help: 'restore what a recovery begins with, read a part of the rest, delete it',
    options: { repo },
    run: ({ agent, progress }, { repo: number }) => drillFiles(agent, { repo: number as number | undefined }, progress),
  },
  restore: {
    help: "restore a source's content into a folder",
    options: {
      kind: { kind: 'text', help: 'of the source', choices: restoredKinds, required: true },
      into: { kind: 'text', help: 'a folder directly below /targets', required: true },
      ...choice,
    },
    oneOf,
    run: ({ agent, progress }, values) =>
      restoreFiles(agent, { ...wantedBy(values), into: values['into'] as string }, progress),
  },
  replace: {
    help: "take a volume's restored content into use",
    run: ({ agent, progress }) => replaceContent(agent, progress),
  },
  diff: {
    help: 'what changed in a volume since a snapshot',
    options: { kind: { kind: 'text', help: 'of the source', choices: ['volume'], required: true }, ...choice },
    oneOf,
    run: ({ agent, progress }, values) => diffFiles(agent, wantedBy(values), progress),
  },
};

/** The values have the types of their options. */
function wantedBy(values: Values): Wanted {
  const { kind, name, snapshot, at, repo: number } = values;
  return {
    kind: kind as Wanted['kind'],
    name: name as string | undefined,
    snapshot: snapshot as string | undefined,
    at: at as string | undefined,
    repo: number as number | undefined,
  };
}
