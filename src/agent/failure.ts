import { OperatorError, exitCodes } from '../errors.ts';

/** What a user or operator can mend: a stable code, what happened, and what to type next. */
export function failure(code: string, message: string, next?: string, cause?: unknown): OperatorError {
  return new OperatorError(message, {
    code,
    exitCode: exitCodes.checkFailed,
    ...(next !== undefined && { next }),
    cause,
  });
}

export function isFailure(error: unknown, ...codes: string[]): error is OperatorError {
  return error instanceof OperatorError && (codes.length === 0 || codes.includes(error.code));
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** For a log: a bug's stack says where it was. */
export const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);

export function hasErrno(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}
