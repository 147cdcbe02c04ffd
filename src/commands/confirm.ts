import { createInterface } from 'node:readline/promises';
import type { CommandContext } from './command.ts';

/** Asks a person at a terminal; without one, or with --json, nobody is there to say yes. */
export async function confirmed({ options, signal }: CommandContext, question: string): Promise<boolean> {
  if (options.json || !process.stdin.isTTY || !process.stderr.isTTY) return false;
  const dialogue = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await dialogue.question(`${question} [y/N] `, { signal });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    dialogue.close();
  }
}
