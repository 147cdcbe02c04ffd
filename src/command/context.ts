import type { CorePart } from '../deploy/part.ts';
import type { Emit } from '../events.ts';

/** The options that every command has, wherever on the line they stood. */
export interface GlobalOptions {
  env?: string;
  /** Compose files in the order given; empty: the names that Compose looks for. */
  files: string[];
  projectDirectory: string | undefined;
  profiles: string[];
  json: boolean;
}

/** All that a command knows of the outside. It prints by `print` and `result`, and never writes to a stream itself. */
export interface CommandContext {
  options: GlobalOptions;
  arguments: string[];
  /** The command's own options by camel-cased name, as the table declares them. */
  flags: Record<string, unknown>;
  /** Of the platform. */
  parts: readonly CorePart[];
  emit: Emit;
  /** Aborts at the first Ctrl-C (or SIGTERM, SIGHUP). */
  signal: AbortSignal;
  /** A result for people, on stdout; nothing with --json. */
  print(text: string): void;
  /** The final object, on stdout; nothing without --json. */
  result(value: { schema: string } & Record<string, unknown>): void;
}
