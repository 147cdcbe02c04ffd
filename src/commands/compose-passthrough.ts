import { spawn } from 'node:child_process';
import { composeCommand } from '../engine/compose-config.ts';
import { exitCodes, type ExitCode } from '../errors.ts';
import type { Session } from '../session.ts';
import type { CommandContext } from './command.ts';

/** What Compose itself does best on the project's containers, with the terminal handed through. */
export async function composeArguments(
  { signal }: CommandContext,
  { stack, connection }: Session,
  words: string[],
): Promise<ExitCode> {
  const [program = 'docker', ...prefix] = await composeCommand();
  const child = spawn(program, [...prefix, '--project-name', stack.project, ...words], {
    stdio: 'inherit',
    env: { ...process.env, ...connection.environment },
    signal,
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve((code ?? exitCodes.interrupted) as ExitCode));
  });
}
