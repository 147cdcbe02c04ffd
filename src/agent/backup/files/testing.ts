import type { OperatorError } from '../../../errors.ts';
import type { Completed, RunOptions } from '../../programs.ts';
import { momentText } from '../../moments.ts';
import { completed, fakePrograms } from '../testing.ts';
import type { Message } from './restic.ts';

/** The commands of restic that the agent uses. */
const commands = [
  'backup',
  'snapshots',
  'ls',
  'dump',
  'check',
  'cat',
  'init',
  'tag',
  'forget',
  'prune',
  'unlock',
  'restore',
];

/** What restic is asked, without the options that go before. */
export function resticWords(argv: readonly string[]): string[] {
  const at = argv.findIndex((word) => commands.includes(word));
  return argv.slice(at);
}

/** Of which repository: its location tells them apart. */
export const askedOf = ({ env }: RunOptions): string => env?.['RESTIC_REPOSITORY'] ?? '';

type Answer = (words: string[], options: RunOptions) => Message[] | OperatorError | Promise<Message[] | OperatorError>;

/** Exit codes of restic by the code of the agent's error; all others are 1. */
const exitCodes: Record<string, number> = { 'no-repository': 10, 'repository-locked': 11, 'wrong-password': 12 };

/** A restic that is made up: each call is noted and answered with messages or refused with an error. */
export function fakeRestic(answer: Answer): { programs: ReturnType<typeof fakePrograms>; asked: string[][] } {
  const asked: string[][] = [];
  const run = async (argv: readonly string[], options: RunOptions): Promise<Completed> => {
    if (argv[0] !== 'restic') throw new Error(`${argv[0]} was to be run`);
    const words = resticWords(argv);
    asked.push(words);
    const answered = await answer(words, options);
    if (answered instanceof Error) {
      // What ends a program is no answer of it.
      if (['stopped', 'deadline'].includes(answered.code)) throw answered;
      return completed('', exitCodes[answered.code] ?? 1, answered.message);
    }
    const lines = answered.map((message) => JSON.stringify(message));
    for (const line of lines) options.onLine?.(line);
    return completed(lines.join('\n'));
  };
  return { programs: fakePrograms(run), asked };
}

interface Listed {
  id: string;
  at: Date;
  name?: string | undefined;
  kind?: string;
  host?: string;
  tags?: string[];
  bytes?: number;
}

/** A snapshot as `restic snapshots` lists it. */
export function listedSnapshot({
  id,
  at,
  name,
  kind = 'volume',
  host = 'shop-production',
  tags = [],
  bytes = 9,
}: Listed): Message {
  return {
    id,
    time: momentText(at),
    hostname: host,
    tags: [`kind=${kind}`, ...(name === undefined ? [] : [`name=${name}`]), ...tags],
    summary: { total_bytes_processed: bytes, total_files_processed: 1 },
  };
}
