import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { failure, isFailure } from '../../failure.ts';
import { exists } from '../../folder.ts';
import { heldDescriptors } from '../../lock.ts';
import { momentText } from '../../moments.ts';
import type { Completed } from '../../programs.ts';
import { named, type Agent, type Repository } from '../agent.ts';
import { privateCopy, secret, secretPath } from '../folders.ts';

/** restic's own, from 0.17 on: https://restic.readthedocs.io/en/stable/075_scripting.html */
export const exitCodes = { incomplete: 3, noRepository: 10, locked: 11, wrongPassword: 12 } as const;

/** For questions that read a few small files. restic itself retries a backend for 15 minutes. */
export const askSeconds = 120;
/** A lock of another restic may end soon. Well within `askSeconds`, or what is said is that restic hangs, and not the lock. */
const retryLock = '30s';
/** Of a program whose messages are listened to, the last lines that are kept for its complaints. */
const keptLines = 100;

/** What restic says in a line of JSON. */
export type Message = Record<string, unknown>;

export interface ResticOptions {
  seconds: number;
  /** Exit codes besides 0 that are no failure. */
  also?: number[];
  /** With it only the last messages are kept. */
  onMessage?: (message: Message) => void;
  nice?: number;
  retryLock?: string;
}

/** The messages of restic; fails unless its exit code is 0 or one of `also`. */
export async function restic(
  agent: Agent,
  repository: Repository,
  words: readonly string[],
  { seconds, also = [], onMessage, nice, retryLock: retry = retryLock }: ResticOptions,
): Promise<Message[]> {
  const argv = ['restic', '--json', '--retry-lock', retry, ...(await optionsFor(agent, repository)), ...words];
  const done = await agent.programs.run(argv, {
    seconds,
    env: await environmentFor(agent, repository),
    descriptors: heldDescriptors(),
    ...(nice !== undefined && { nice }),
    ...(onMessage && { keepLines: keptLines, onLine: (line: string) => messagesIn(line).forEach(onMessage) }),
  });
  if (![0, ...also].includes(done.exitCode)) throw refusal(repository, done);
  return messagesIn(done.stdout);
}

/** As `--time` reads it: in the zone of its environment, which is UTC here. */
export const timeOption = (moment: Date): string => momentText(moment).replace('T', ' ').replace('Z', '');

/**
 * For whoever holds our lock, under which alone `tag`, `forget` and `prune` run and which they hold too: an exclusive lock that is
 * there all the same was left by one that was killed. restic would believe one of another container, which has another name, for
 * half an hour, and answer nothing meanwhile. No other lock can be taken beside it, so that all may go.
 */
export async function freeRepository(agent: Agent, repository: Repository): Promise<void> {
  try {
    await restic(agent, repository, ['cat', 'config'], { seconds: askSeconds, retryLock: '0s' });
  } catch (error) {
    if (!isFailure(error, 'repository-locked')) throw error;
    await restic(agent, repository, ['unlock', '--remove-all'], { seconds: askSeconds });
  }
}

/** As `freeRepository`; true when the repository was made now. */
export async function makeIfMissing(agent: Agent, repository: Repository): Promise<boolean> {
  try {
    await freeRepository(agent, repository);
    return false;
  } catch (error) {
    if (!isFailure(error, 'no-repository')) throw error;
  }
  await restic(agent, repository, ['init'], { seconds: askSeconds });
  return true;
}

/** The id in it keeps a second environment of the same name away from the first one's backups. */
export function locationOf({ told, folders }: Pick<Agent, 'told' | 'folders'>, repository: Repository): string {
  const below = `${told.project}/${told.id}/files`;
  switch (repository.kind) {
    case 'local':
      return join(folders.files, 'repository');
    case 's3': {
      const prefix = (repository.prefix ?? '').replace(/^\/+|\/+$/g, '');
      const path = [repository.bucket, prefix, below].filter((part) => part !== '').join('/');
      return `s3:https://${repository.endpoint}/${path}`;
    }
    case 'sftp': {
      const { user, host, port = 22, path } = repository;
      // After the host's slash a path is relative to the user's home: an absolute one has two.
      return `sftp://${user}@${host}:${port}/${path.replace(/\/+$/, '')}/${below}`;
    }
  }
}

async function optionsFor({ folders }: Agent, repository: Repository): Promise<string[]> {
  if (repository.kind === 'sftp') return ['-o', `sftp.args=${await sshArguments({ folders })}`];
  if (repository.kind === 'local') return [];
  const authority = secretPath(folders, 's3-ca');
  return [
    ...['-o', 's3.bucket-lookup=path'],
    ...(repository.region ? ['-o', `s3.region=${repository.region}`] : []),
    ...((await exists(authority)) ? ['--cacert', authority] : []),
  ];
}

async function sshArguments({ folders }: Pick<Agent, 'folders'>): Promise<string> {
  const key = await privateCopy(folders, 'sftp-key');
  const wanted = [
    `UserKnownHostsFile=${secretPath(folders, 'sftp-known-hosts')}`,
    ...['StrictHostKeyChecking=yes', 'BatchMode=yes', 'IdentitiesOnly=yes'],
    ...['ConnectTimeout=20', 'ServerAliveInterval=15'],
  ];
  // `-F none`: what the image has of its own must not matter.
  return `-F none -i ${key} ${wanted.map((one) => `-o ${one}`).join(' ')}`;
}

export async function environmentFor(agent: Agent, repository: Repository): Promise<Record<string, string>> {
  const { folders } = agent;
  const work = join(folders.files, 'work');
  await mkdir(work, { mode: 0o700, recursive: true });
  return {
    RESTIC_REPOSITORY: locationOf(agent, repository),
    RESTIC_PASSWORD_FILE: secretPath(folders, 'backup-files-password'),
    RESTIC_CACHE_DIR: join(folders.files, 'cache'),
    // A line of progress each ten seconds; restic's default is 60 a second for who reads JSON.
    RESTIC_PROGRESS_FPS: '0.1',
    // restic puts its packs together there; /tmp is memory.
    TMPDIR: work,
    HOME: process.env['HOME'] ?? '/root',
    TZ: 'UTC',
    ...(repository.kind === 's3' && {
      AWS_ACCESS_KEY_ID: (await secret(folders, 's3-key-id')) ?? '',
      AWS_SECRET_ACCESS_KEY: (await secret(folders, 's3-key-secret')) ?? '',
    }),
  };
}

function refusal(repository: Repository, { exitCode, stdout, stderr }: Completed) {
  const where = named(repository);
  const said = complaintsIn(stderr).join(' / ') || complaintsIn(stdout).join(' / ') || `exit code ${exitCode}`;
  switch (exitCode) {
    case exitCodes.noRepository:
      return failure('no-repository', `${where} holds no backups yet`);
    case exitCodes.locked:
      return failure('repository-locked', `${where} is locked by another restic: ${said}`);
    case exitCodes.wrongPassword:
      return failure('wrong-password', `${where} was made with another password than the secret backup-files-password`);
    default:
      return failure('repository-failed', `${where}: ${said}`);
  }
}

/** The last lines, in words: restic writes its fatal errors as JSON, those of its backends as plain lines. */
function complaintsIn(text: string): string[] {
  const last = text.trimEnd().split('\n').slice(-5);
  const said = last.flatMap((line) => {
    const messages = messagesIn(line);
    return messages.length > 0 ? messages.map(wordsOf) : [line];
  });
  return said.flatMap((words) => words.split('\n')).filter((line) => line.trim() !== '');
}

function wordsOf(message: Message): string {
  const { error } = message as { error?: { message?: string } };
  return (message['message'] as string | undefined) ?? error?.message ?? '';
}

/** One a line, or an array of them in one line; what isn't JSON is skipped. */
function messagesIn(text: string): Message[] {
  return text.split('\n').flatMap((line) => {
    try {
      const answer: unknown = JSON.parse(line);
      return (Array.isArray(answer) ? answer : [answer]).filter(isMessage);
    } catch {
      return [];
    }
  });
}

const isMessage = (value: unknown): value is Message =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
