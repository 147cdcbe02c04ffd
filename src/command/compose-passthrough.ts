import { spawn } from 'node:child_process';
import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { composeCommand } from '../engine/compose-config.ts';
import { exitCodes, type ExitCode } from '../errors.ts';
import type { Session } from '../deploy/session.ts';
import type { CommandContext } from './context.ts';

/** Time between SIGTERM and SIGKILL. */
const killMilliseconds = 2000;

/**
 * Runs a Compose command on the project's containers, with the terminal passed through. With `through`, its output is
 * transformed.
 */
export async function composeArguments(
  context: CommandContext,
  { stack, connection }: Session,
  words: string[],
  through?: Transform,
): Promise<ExitCode> {
  const [program = 'docker', ...prefix] = await composeCommand();
  context.signal.throwIfAborted();
  const child = spawn(program, [...prefix, '--project-name', stack.project, ...words], {
    stdio: ['inherit', through ? 'pipe' : 'inherit', 'inherit'],
    env: { ...process.env, ...connection.environment },
  });
  // A reader that closes the pipe, as in `horme logs | head`, ends the command.
  if (child.stdout && through)
    pipeline(child.stdout, through, process.stdout, { end: false }).catch(() => child.kill());
  // SIGTERM has no effect if Compose waits for a hung engine or program.
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
