import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { constants } from 'node:os';

export interface StartOptions {
  /** Added to the agent's own environment. */
  env?: Record<string, string>;
  nice?: number;
  cwd?: string;
  /** Open files that the child has as its descriptors 3, 4, …. */
  descriptors?: readonly number[];
  takesInput?: boolean;
  /** An open file that receives both outputs. Without it, the outputs are pipes. */
  output?: number;
  /** The signal that asks the child to end. */
  endsBy?: NodeJS.Signals;
}

export interface Child {
  process: ChildProcess;
  /** Undefined while the child runs. */
  exitCode(): number | undefined;
  /** Resolves with the exit code; rejects when there is no such program. */
  ended: Promise<number>;
}

/** In a process group of its own, so that all of it can be ended. */
export function startChild([program = '', ...words]: readonly string[], options: StartOptions): Child {
  const { cwd, env } = options;
  const own = { cwd, env: { ...process.env, ...env }, stdio: stdioOf(options), detached: true };
  return observed(spawn(program, words, own));
}

function observed(child: ChildProcess): Child {
  let code: number | undefined;
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', (error) => {
      // A child that never started has ended. A signal that could not be sent does not mean that it has.
      if (child.pid !== undefined) return;
      code = 127;
      reject(error);
    });
    child.once('exit', (exitCode, signal) => resolve((code = exitCode ?? 128 + signalNumber(signal))));
  });
  // A caller that waits for the result gets the failure. Without one, it must not count as unhandled.
  ended.catch(() => undefined);
  return { process: child, exitCode: () => code, ended };
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal === null ? 0 : constants.signals[signal];
}

function stdioOf({ takesInput, output, descriptors = [] }: StartOptions): StdioOptions {
  return [takesInput ? 'pipe' : 'ignore', output ?? 'pipe', output ?? 'pipe', ...descriptors];
}

/** Class 2 with priority 7 is the least of best effort; idle (3) could stop a backup on a busy disk for ever. */
export function politely(niceness: number): string[] {
  return niceness === 0 ? [] : ['nice', '-n', String(niceness), 'ionice', '-c', '2', '-n', '7'];
}

export function signalGroup({ process: child }: Child, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended.
  }
}
