import { OperatorError, exitCodes, type ExitCode } from '../errors.ts';
import { createOutput, type Output } from '../output/output.ts';
import { wantsColor } from '../output/style.ts';
import { parts } from '../parts/index.ts';
import { isAbort, watchInterrupts } from './interrupt.ts';
import { parse, type Invocation } from './parse.ts';

/** Parses, runs one command, prints and ends the process with the command's exit code. */
export async function main(argv: string[]): Promise<void> {
  // `horme --help | head` is no failure; what a command prints has a guard of its own.
  process.stdout.on('error', () => {});
  const code = await parseAndRun(argv);
  // What was written to a pipe may still be on its way on systems where pipes are asynchronous.
  await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write('', done))));
  process.exit(code);
}

async function parseAndRun(argv: string[]): Promise<ExitCode> {
  try {
    const invocation = parse(argv, {
      out: (text) => process.stdout.write(text),
      error: (text) => process.stderr.write(text),
    });
    return invocation === undefined ? exitCodes.done : await run(invocation);
  } catch (error) {
    const json = argv.includes('--json');
    return openOutput(json, !argv.includes('--no-color')).fail(error);
  }
}

async function run(invocation: Invocation): Promise<ExitCode> {
  const { declaration, options, flags } = invocation;
  const stream = declaration.stream === true;
  const output = openOutput(options.json, invocation.color, () => stream && interrupts.abort());
  const interrupts = watchInterrupts({
    onFirst: () => {
      if (!stream) output.say('interrupted: finishing the current step; press Ctrl-C again to stop at once');
    },
    onSecond: () => {
      output.end();
      if (!stream) output.say(stoppedAtOnce);
    },
  });
  process.on('uncaughtException', (error) => process.exit(output.fail(error)));
  const { signal } = interrupts;
  try {
    const { run: command } = await declaration.load();
    const { emit, print, result } = output;
    const code = await command({ options, arguments: invocation.arguments, flags, parts, emit, signal, print, result });
    output.end();
    if (stream && signal.aborted) return endOfStream(output);
    return code ?? (output.lost() ? exitCodes.checkFailed : exitCodes.done);
  } catch (error) {
    if (!isAbort(error, signal)) return output.fail(error);
    return stream ? endOfStream(output) : output.fail(error instanceof OperatorError ? error : interruption(error));
  } finally {
    interrupts.dispose();
  }
}

/** A reader that has seen enough, as in `horme logs api | head`, is no failure. */
function endOfStream(output: Output): ExitCode {
  output.end();
  return output.readerLeft() ? exitCodes.done : exitCodes.interrupted;
}

const stoppedAtOnce =
  'stopped at once: what was under way goes on or is left half done; horme status shows where things stand, the same command again does the rest';

function interruption(cause: unknown): OperatorError {
  return new OperatorError('interrupted before the end', {
    code: 'interrupted',
    exitCode: exitCodes.interrupted,
    next: 'horme status shows where things stand; run the same command again: it does the rest',
    cause,
  });
}

function openOutput(json: boolean, color: boolean, onReaderLeft: () => void = () => {}): Output {
  return createOutput({
    json,
    live: process.stdout.isTTY && process.stderr.isTTY && process.env.TERM !== 'dumb',
    color: (stream) => color && wantsColor(stream, process.env),
    stdout: process.stdout,
    stderr: process.stderr,
    now: () => performance.now(),
    date: () => new Date(),
    onReaderLeft,
  });
}
