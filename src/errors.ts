/** Exit codes of the command line, as the README lists them. One home for each number. */
export const exitCodes = {
  done: 0,
  usage: 2,
  checkFailed: 3,
  lockHeld: 4,
  rolledBack: 10,
  rolledBackInPart: 11,
  bug: 70,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export interface OperatorErrorOptions {
  /** Stable and searchable, such as `lock-held`. */
  code: string;
  exitCode: ExitCode;
  /** What was last seen: the last log lines, the engine's answer. */
  lastSeen?: string;
  /** The next command to type, or the edit to make. */
  next?: string;
  cause?: unknown;
}

/** An error that a user or operator can fix. All other errors are bugs and end with exit code 70 and a stack. */
export class OperatorError extends Error {
  readonly code: string;
  readonly exitCode: ExitCode;
  readonly lastSeen: string | undefined;
  readonly next: string | undefined;

  constructor(message: string, options: OperatorErrorOptions) {
    super(message, { cause: options.cause });
    this.name = 'OperatorError';
    this.code = options.code;
    this.exitCode = options.exitCode;
    this.lastSeen = options.lastSeen;
    this.next = options.next;
  }
}
