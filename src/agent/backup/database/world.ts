/** What the work of this role needs of the outside. Passed in, so that tests can put something else in its place. */

import { needRoom, roomOf, sizeOf } from '../../folder.ts';
import { removeGently } from '../../gently.ts';
import type { Agent, Progress } from '../agent.ts';
import { amcheck, checksums, connectionLimit, newestTransaction, replayedTo, rows } from './checks.ts';
import { pgbackrestOf, repositoriesBy, type Repositories } from './repository.ts';
import { complaints, query, running, type Server } from './server.ts';

export interface World extends Agent {
  repositories: Repositories;
  scratch: Scratch;
}

/** A Postgres on restored data, what is looked at in it, and the folder that it is in. */
export type Scratch = ReturnType<typeof scratchOf>;

/** All that was restored, onto a slow disk. */
const syncSeconds = 3600;

export function scratchOf(programs: Agent['programs']) {
  return {
    running: <T>(data: string, log: string, progress: Progress, work: (server: Server) => Promise<T>) =>
      running(programs, data, log, progress, work),
    checksums: (data: string) => checksums(programs, data),
    /** All that was written is on the disk then. */
    settle: async (): Promise<void> => {
      const done = await programs.run(['sync'], { seconds: syncSeconds });
      if (done.exitCode !== 0) throw new Error(`sync failed: ${done.stderr.trim()}`);
    },
    query,
    complaints,
    amcheck,
    rows,
    connectionLimit,
    newestTransaction,
    replayedTo,
    sizeOf,
    roomOf,
    needRoom,
    remove: (folder: string) => removeGently(folder),
  };
}

export function worldOf(agent: Agent): World {
  const { programs, folders } = agent;
  return {
    ...agent,
    repositories: repositoriesBy(pgbackrestOf(programs, folders.run), folders.run),
    scratch: scratchOf(programs),
  };
}
