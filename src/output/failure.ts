import { inspect } from 'node:util';
import { OperatorError, exitCodes, type ExitCode } from '../errors.ts';
import type { Style } from './style.ts';

export interface Failure {
  exitCode: ExitCode;
  /** `horme.error/1` */
  object: { schema: string } & Record<string, unknown>;
  text: string;
}

/** Distinguishes errors that a user or operator can fix from bugs in Horme. */
export function describeFailure(error: unknown, style: Style): Failure {
  return error instanceof OperatorError ? operatorFailure(error, style) : bug(error, style);
}

function operatorFailure(error: OperatorError, style: Style): Failure {
  const { message, code, exitCode, lastSeen, next } = error;
  const lines = [`${style.red('error:')} ${message}`];
  if (lastSeen) lines.push('last seen:', ...lastSeen.split('\n').map((line) => `  ${style.dim(line)}`));
  if (next) lines.push(`next: ${style.bold(next)}`);
  return { exitCode, text: lines.join('\n'), object: errorObject(code, message, exitCode, lastSeen, next) };
}

function bug(error: unknown, style: Style): Failure {
  const message = error instanceof Error ? error.message : String(error);
  const stack = inspect(error);
  return {
    exitCode: exitCodes.bug,
    text: `${style.red('error:')} this is a bug in Horme: ${message}\n${style.dim(stack)}`,
    object: { ...errorObject('bug', `this is a bug in Horme: ${message}`, exitCodes.bug), stack },
  };
}

function errorObject(code: string, message: string, exitCode: ExitCode, lastSeen?: string, next?: string) {
  return { schema: 'horme.error/1', code, message, lastSeen: lastSeen ?? null, next: next ?? null, exitCode };
}
