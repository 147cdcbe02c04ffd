import type { ExitCode } from '../errors.ts';
import type { Emit } from '../events.ts';
import { describeFailure } from './failure.ts';
import { jsonSubscriber } from './json.ts';
import { plainSubscriber } from './plain.ts';
import { style } from './style.ts';
import type { Subscriber, Writable } from './subscriber.ts';
import { terminalSubscriber } from './terminal.ts';

/** The used part of a stream such as process.stdout. */
export interface OutputStream extends Writable {
  isTTY?: boolean;
  columns?: number;
  rows?: number;
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
}

export interface OutputOptions {
  json: boolean;
  /** Redraw in place: the terminal supports it and a person is watching. */
  live: boolean;
  color(stream: OutputStream): boolean;
  stdout: OutputStream;
  stderr: OutputStream;
  now(): number;
  date(): Date;
  /** Called when stdout's reader has gone, as in `horme logs | head`. */
  onReaderLeft(): void;
}

export interface Output {
  emit: Emit;
  print(text: string): void;
  result(value: { schema: string } & Record<string, unknown>): void;
  /** Prints a message for the person at the terminal that is no event of the core. */
  say(text: string): void;
  fail(error: unknown): ExitCode;
  end(): void;
  /** Whether stdout's reader has gone. */
  readerLeft(): boolean;
  /** Whether output was lost for another reason, such as a full disk. */
  lost(): boolean;
}

/**
 * Results go to stdout and progress to stderr, so that `horme render nginx.conf > file` writes only the file. With
 * --json everything goes to stdout, the final object last.
 */
export function createOutput(options: OutputOptions): Output {
  const { json, stdout, stderr } = options;
  const guard = guardStreams(options);
  const subscriber = subscribe(options);
  return {
    emit: (event) => subscriber.emit(event),
    print(text) {
      if (!json) subscriber.aside(() => stdout.write(withNewline(text)));
    },
    result(value) {
      if (json) stdout.write(`${JSON.stringify(value)}\n`);
    },
    say(text) {
      if (json) subscriber.emit({ kind: 'note', text });
      else subscriber.aside(() => stderr.write(withNewline(text)));
    },
    fail(error) {
      subscriber.end();
      const failure = describeFailure(error, style(options.color(stderr)));
      if (json) stdout.write(`${JSON.stringify(failure.object)}\n`);
      else stderr.write(withNewline(failure.text));
      return failure.exitCode;
    },
    end: () => subscriber.end(),
    ...guard,
  };
}

function subscribe({ json, live, stdout, stderr, color, now, date }: OutputOptions): Subscriber {
  if (json) return jsonSubscriber(stdout, date);
  if (!live) return plainSubscriber(stderr, stdout);
  return terminalSubscriber({ stream: stderr, style: style(color(stderr)), now });
}

/** A failed write never ends the work: a deploy continues even if the reader of its log has gone. */
function guardStreams({ stdout, stderr, onReaderLeft }: OutputOptions) {
  let left = false;
  let lost = false;
  // A closed terminal answers EIO.
  const isQuiet = (error: NodeJS.ErrnoException): boolean => error.code === 'EPIPE' || error.code === 'EIO';
  stderr.on('error', () => {});
  stdout.on('error', (error) => {
    if (isQuiet(error)) {
      if (!left) onReaderLeft();
      left = true;
    } else if (!lost) {
      lost = true;
      stderr.write(`error: output could not be written: ${error.message}\n`);
    }
  });
  return { readerLeft: () => left, lost: () => lost };
}

function withNewline(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
