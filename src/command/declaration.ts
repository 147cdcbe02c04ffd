import type { ExitCode } from '../errors.ts';
import type { CommandContext } from './context.ts';

export interface CommandModule {
  run(context: CommandContext): Promise<ExitCode | void>;
}

export interface OptionDeclaration {
  /** As the help prints them, such as `--wait [seconds]`. */
  flags: string;
  description: string;
  /**
   * `seconds` and `count` reject what is not a number, and hand the command one. A `list` grows by one value each time
   * the option is given: an option that took several at once would swallow the command behind it.
   */
  value?: 'text' | 'list' | 'seconds' | 'count';
}

export interface ArgumentDeclaration {
  /** `<needed>`, `[optional]`, `<many...>` */
  name: string;
  choices?: readonly string[];
}

export interface CommandDeclaration {
  /** One word, or two for a command of a group, such as `db status`. */
  name: string;
  arguments?: readonly ArgumentDeclaration[];
  summary: string;
  options?: readonly OptionDeclaration[];
  /** One command line that a reader can copy. A test parses each. */
  example: string;
  /** Flags that are always set: `plan` is `deploy` with `dryRun`. */
  preset?: Record<string, unknown>;
  /**
   * It shows or carries a stream (`logs`, `exec`): Ctrl-C and a reader that went away end it at once and without a word.
   * All other commands finish their current step first, and go on when nobody reads.
   */
  stream?: boolean;
  /** What follows its arguments belongs to a program in a container, options included. */
  passedOn?: boolean;
  load(): Promise<CommandModule>;
}

export const waitOption: OptionDeclaration = {
  flags: '--wait [seconds]',
  description: 'wait for the lock instead of exiting with 4',
  value: 'seconds',
};
