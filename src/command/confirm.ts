import { createInterface } from 'node:readline/promises';
import { OperatorError, exitCodes } from '../errors.ts';
import type { CommandContext } from './context.ts';

/** Asks a person at a terminal whether to go on. */
export async function confirmed(context: CommandContext, question: string): Promise<boolean> {
  return /^y(es)?$/i.test((await answer(context, `${question} [y/N] `)) ?? '');
}

/** Before data is replaced: a name is typed on purpose, where a `y` may be a habit. */
export async function confirmedByName(context: CommandContext, question: string, name: string): Promise<boolean> {
  return (await answer(context, `${question} Type ${name} to do it: `)) === name;
}

/** The environment's name, by --confirm or typed. Another name is told: which of the two was meant, nobody else knows. */
export async function agreed(context: CommandContext, environment: string, question: string): Promise<boolean> {
  return confirmsEnvironment(context, environment) || confirmedByName(context, question, environment);
}

export function confirmsEnvironment({ flags: { confirm } }: CommandContext, environment: string): boolean {
  if (typeof confirm !== 'string' || confirm === environment) return confirm === environment;
  throw new OperatorError(`--confirm says ${confirm}, but the environment is ${environment}: nothing was done`, {
    code: 'confirmation',
    exitCode: exitCodes.usage,
    next: `the same with --confirm ${environment}, or with --env ${confirm}`,
  });
}

/** Undefined without a terminal, or with --json: nobody is there. */
async function answer({ options, signal }: CommandContext, question: string): Promise<string | undefined> {
  if (options.json || !process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const dialogue = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await dialogue.question(question, { signal })).trim();
  } finally {
    dialogue.close();
  }
}
