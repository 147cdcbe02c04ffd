import { spawn } from 'node:child_process';
import { composeCommand } from '../engine/compose-config.ts';
import { exitCodes, type ExitCode } from '../errors.ts';
import { openSession } from '../session.ts';
import type { CommandContext } from './command.ts';

/** From SIGTERM to SIGKILL. */
const killMilliseconds = 2000;

/** What Compose itself does best on the project's containers, with the terminal handed through. */
export async function composeArguments(context: CommandContext, words: string[]): Promise<ExitCode> {
  const { stack, connection } = await openSession(context);
  const [program = 'docker', ...prefix] = await composeCommand();
  context.signal.throwIfAborted();
  const child = spawn(program, [...prefix, '--project-name', stack.project, ...words], {
    stdio: 'inherit',
    env: { ...process.env, ...connection.environment },
  });
  // One that waits for a hung engine, or asks a program that hangs, doesn't end by being asked to.
  const kill = () => {
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), killMilliseconds);
  };
  context.signal.addEventListener('abort', kill, { once: true });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve((code ?? exitCodes.interrupted) as ExitCode));
  });
}
