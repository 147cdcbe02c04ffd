/** Backups and WAL of a history for tests: a backup and a segment a minute. */

import type { OperatorError } from '../../../errors.ts';
import type { Clock, Reading } from '../../clock.ts';
import { isFailure } from '../../failure.ts';
import type { Agent, Told } from '../agent.ts';
import { local, s3, testAgent } from '../testing.ts';
import type { Holding } from './reach.ts';
import type { Request } from './target.ts';
import { repositoriesBy, type PgBackRest, type Repositories } from './repository.ts';
import type { Backup, Stanza } from './said.ts';
import type { Server } from './server.ts';
import { nameOf } from './wal.ts';
import type { ArchivedSegment } from './windows.ts';
import { worldOf, type Scratch, type World } from './world.ts';

export const stanza = '20261124-150312-ab12';
/** In seconds since 1970. */
export const began = 1_795_500_000;
/** In seconds. */
export const minute = 60;

/** Taken in minute `number`, whose WAL it begins with. */
export function backupOf(number: number, stop = number): Backup {
  const ended = began + number * minute;
  return {
    label: `backup-${number}`,
    type: 'full',
    started: ended - 1,
    ended,
    walStart: nameOf({ timeline: 1, position: number }),
    walStop: nameOf({ timeline: 1, position: stop }),
    databaseBytes: 1,
    repositoryBytes: 1,
    error: false,
  };
}

export const historyOf = (backups: Backup[]): Stanza => ({ name: stanza, systemId: '1', version: '17', backups });

/** A segment a minute, which arrives at its end. */
export const archiveOf = (...segments: number[]): ArchivedSegment[] =>
  segments.map((position) => ({ timeline: 1, position, at: began + position * minute }));

type Given = Partial<Omit<Agent, 'told'>> & {
  told?: Partial<Told>;
  repositories?: Partial<Repositories>;
  scratch?: Partial<Scratch>;
};

/** With no repository and no Postgres but those that are given; the folders, the lock and the status are real ones. */
export function testWorld({ repositories, scratch, told, ...agent }: Given = {}): World {
  const world = worldOf(testAgent({ ...agent, told: { role: 'database', ...told } }));
  const unasked = (): Promise<never> => Promise.reject(new Error('no test answers this'));
  return {
    ...world,
    repositories: { call: unasked, info: unasked, history: unasked, listing: unasked, ...repositories },
    scratch: { ...world.scratch, ...scratch },
  };
}

/** Repositories in which pgBackRest's answers are what `answer` gives. */
export const answering = (answer: PgBackRest): Repositories => repositoriesBy(answer, '/run/horme');

/** Goes on by what is done alone. */
export class WorkClock implements Clock {
  #seconds: number;

  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  now(): Date {
    return new Date(this.#seconds * 1000);
  }

  read(): Reading {
    return { wall: this.now(), steady: this.#seconds, boot: 'boot-1' };
  }

  awake(): Reading {
    return this.read();
  }

  /** Something that takes so long, and then gives the answer; an error is thrown. */
  takes<T>(seconds: number, answer: T | Error): () => Promise<T> {
    return async () => {
      this.#seconds += seconds;
      if (answer instanceof Error) throw answer;
      return answer;
    };
  }
}

/** The failure that the work ends with. */
export async function failureOf(work: () => unknown): Promise<OperatorError> {
  try {
    await work();
  } catch (error) {
    if (isFailure(error)) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

/** Stands in for a running Postgres where nothing of it is asked. */
export const noServer = {} as Server;

/** What a repository has: the first is the local one. */
export const holdingOf = (number: number, backups: number[], wal: number[]): Holding => ({
  repository: number === 1 ? local(1) : s3(number),
  history: historyOf(backups.map((one) => backupOf(one))),
  archive: archiveOf(...wal),
});

export const latest: Request = { kind: 'latest', value: null, stanza, repository: null, acceptsDamage: false };

/** A time in minutes since the beginning. */
export function toMinute(minutes: number): Request {
  const value = new Date((began + minutes * minute) * 1000).toISOString().replace('T', ' ').replace('Z', '+00:00');
  return { ...latest, kind: 'to', value };
}
