import { composeArguments } from './compose-passthrough.ts';
import type { ExitCode } from '../errors.ts';
import type { CommandContext } from './command.ts';

/** In the first running replica, with a terminal where there is one. */
export async function run(context: CommandContext): Promise<ExitCode> {
  const [service = '', ...command] = context.arguments;
  const terminal = process.stdin.isTTY ? [] : ['--no-TTY'];
  return composeArguments(context, ['exec', ...terminal, service, ...command]);
}
