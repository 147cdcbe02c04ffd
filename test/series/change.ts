import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const gitMilliseconds = 30_000;

export interface Change {
  /** Undefined when the history does not reach back to a base. */
  paths: string[] | undefined;
  /** What it was compared with, or why it was not. */
  since: string;
}

/** What changed since the base that was given, else since the newest commit that is older than a day. */
export async function changeIn(folder: string, base: string | undefined): Promise<Change> {
  const git = async (...words: string[]) => {
    const { stdout } = await promisify(execFile)('git', words, { cwd: folder, timeout: gitMilliseconds });
    return stdout.split('\n').filter((line) => line !== '');
  };
  try {
    const [from] = base === undefined ? await git('log', '-1', '--before=24 hours ago', '--format=%H') : [base];
    if (from === undefined) return { paths: undefined, since: 'the history has no commit older than a day' };
    // From the root, however the user's git prints: with quotes a path matches no pattern.
    const paths = await git('-c', 'core.quotePath=false', 'diff', '--no-renames', '--name-only', from, '--');
    return { paths, since: from };
  } catch (error) {
    return { paths: undefined, since: `git does not tell: ${(error as Error).message.trim().split('\n').at(-1)}` };
  }
}
