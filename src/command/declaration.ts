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
   * `seconds` and `count` accept only numbers. A `list` grows by one value each time the option is given; an option
   * with several values at once would swallow the command that follows.
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
   * A streaming command (`logs`, `exec`): Ctrl-C or a closed pipe ends it at once and silently. All other commands
   * finish their current step first, and continue after their output was closed.
   */
  stream?: boolean;
  /** Everything after its arguments is passed to a program in a container, including options. */
  passedOn?: boolean;
  load(): Promise<CommandModule>;
}

export const waitOption: OptionDeclaration = {
  flags: '--wait [seconds]',
  description: 'wait for the lock instead of exiting with 4',
  value: 'seconds',
};
