import { databaseName, socketFolder } from '../names.ts';
import { database } from '../psql.ts';
import { OperatorError, exitCodes, type ExitCode } from '../../../errors.ts';
import { openSession } from '../../../command/session.ts';
import type { CommandContext } from '../../../command/context.ts';
import { composeArguments } from '../../../command/compose-passthrough.ts';
import { databaseOf } from './member.ts';

/** Runs psql inside the member's container over its socket, which needs no password. */
export async function run(context: CommandContext): Promise<ExitCode> {
  const session = await openSession(context);
  databaseOf(session);
  const role = context.flags.replica === true ? 'replica' : 'primary';
  const { members } = await database(session.engine, session.stack.project);
  const member = members.find((one) => one.role === role);
  if (!member) throw missing(role);
  const terminal = process.stdin.isTTY ? [] : ['--no-TTY'];
  const place = [`--host=${socketFolder}`, '--username=postgres', `--dbname=${databaseName(session.stack)}`];
  return composeArguments(context, session, [
    'exec',
    ...terminal,
    member.service,
    'psql',
    ...place,
    ...context.arguments,
  ]);
}

const missing = (role: string) =>
  new OperatorError(`the database has no ${role} that answers`, {
    code: 'member-missing',
    exitCode: exitCodes.checkFailed,
    next: 'horme db status',
  });
