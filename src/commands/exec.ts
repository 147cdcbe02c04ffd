import { composeArguments } from '../command/compose-passthrough.ts';
import type { ExitCode } from '../errors.ts';
import { openSession } from '../command/session.ts';
import type { CommandContext } from '../command/context.ts';
import { refuseUnknown, servicesThatRun } from '../command/service-names.ts';

/** Runs the program in the first running replica, with a terminal if there is one. */
export async function run(context: CommandContext): Promise<ExitCode> {
  const [service = '', ...command] = context.arguments;
  const session = await openSession(context);
  refuseUnknown([service], await servicesThatRun(session));
  const terminal = process.stdin.isTTY ? [] : ['--no-TTY'];
  return composeArguments(context, session, ['exec', ...terminal, service, ...command]);
}
