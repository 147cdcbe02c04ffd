import { spawn } from 'node:child_process';
import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { composeCommand } from '../engine/compose-config.ts';
import { exitCodes, type ExitCode } from '../errors.ts';
import type { Session } from '../session.ts';
import type { CommandContext } from './context.ts';

/** From SIGTERM to SIGKILL. */
const killMilliseconds = 2000;

/**
 * What Compose itself does best on the project's containers, with the terminal handed through; or, `through`, its output
 * as that makes it.
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
  // A reader that has seen enough, as in `horme logs | head`, ends it.
  if (child.stdout && through)
    pipeline(child.stdout, through, process.stdout, { end: false }).catch(() => child.kill());
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
