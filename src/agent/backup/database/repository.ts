/** Calls pgBackRest, and asks it what a repository has. */

import { failure, isFailure } from '../../failure.ts';
import type { Agent } from '../agent.ts';
import { configuration, restoreConfiguration } from './pgbackrest.ts';
import { parseInfo, parseListing, said, stanzaOf, type Stanza } from './said.ts';

/** Listing what a repository has: seconds for thousands of files in S3, so minutes are a repository that hangs. */
const listingSeconds = 600;
/** For one request of it, retries included; pgBackRest's minute makes several of a server that is away. */
const listingPatience = '--io-timeout=20';

export interface CallOptions {
  seconds: number;
  stanza?: string;
  repository?: number;
  /** A file; the one with the members unless given. */
  configuration?: string;
  nice?: number;
}

/** What it printed. 'pgbackrest-failed' with its own words when it failed. */
export type PgBackRest = (command: string, options: readonly string[], how: CallOptions) => Promise<string>;

export function pgbackrestOf(programs: Agent['programs'], runFolder: string): PgBackRest {
  return async (command, options, how) => {
    const argv = ['pgbackrest', command, `--config=${how.configuration ?? configuration(runFolder)}`];
    if (how.stanza !== undefined) argv.push(`--stanza=${how.stanza}`);
    if (how.repository !== undefined) argv.push(`--repo=${how.repository}`);
    const done = await programs.run([...argv, ...options], { seconds: how.seconds, nice: how.nice ?? 0 });
    if (done.exitCode === 0) return done.stdout;
    throw failure('pgbackrest-failed', `pgbackrest ${command}: ${said(done.stdout + done.stderr)}`);
  };
}

/** The repositories by their numbers. */
export interface Repositories {
  call: PgBackRest;
  /** All histories, and by name why others can't be read. */
  info(repository: number): Promise<{ known: Stanza[]; unreadable: Map<string, Error> }>;
  /** One history, whatever the others are; undefined where the repository does not have it. */
  history(repository: number, stanza: string): Promise<Stanza | undefined>;
  /** Files below a folder of the repository by their path in it, each with its time in seconds since 1970. */
  listing(repository: number, folder: string): Promise<Map<string, number>>;
}

export function repositoriesBy(call: PgBackRest, runFolder: string): Repositories {
  const ask = (repository: number, command: string, ...options: string[]) =>
    call(command, ['--output=json', listingPatience, ...options], {
      seconds: listingSeconds,
      repository,
      configuration: restoreConfiguration(runFolder),
    });
  return {
    call,
    async info(repository) {
      const known: Stanza[] = [];
      const unreadable = new Map<string, Error>();
      for (const told of parseInfo(await ask(repository, 'info'))) {
        try {
          known.push(stanzaOf(told));
        } catch (error) {
          if (!isFailure(error)) throw error;
          unreadable.set(told.name, error);
        }
      }
      return { known, unreadable };
    },
    async history(repository, stanza) {
      const told = parseInfo(await ask(repository, 'info')).find(({ name }) => name === stanza);
      return told && stanzaOf(told);
    },
    listing: async (repository, folder) => parseListing(await ask(repository, 'repo-ls', '--recurse', folder)),
  };
}
