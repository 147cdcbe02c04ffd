import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { accessSync, closeSync, constants, openSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

export interface ProcessOptions {
  cwd?: string;
  /** The complete environment of the process; if set, nothing is inherited. */
  env?: NodeJS.ProcessEnv;
  input?: string | Buffer;
  /** The process gets SIGKILL after this time, and `DeadlineExceeded` is thrown. */
  deadlineSeconds: number;
  signal?: AbortSignal;
  /** Runs in a separate process group, so that Ctrl-C reaches only Horme, which lets the program finish. */
  ownGroup?: boolean;
  /** File for standard output instead of the result, for output that may be larger than memory. */
  outputFile?: string;
  /** Called with every line of both streams, as they come. */
  onLine?: (line: string) => void;
  /**
   * Limit of the address space, on Linux with util-linux's `prlimit`. Elsewhere only the deadline limits the program.
   */
  memoryBytes?: number;
}

export interface ProcessResult {
  /** 128 and above: ended by a signal, as in a shell. */
  exitCode: number;
  stdout: string;
  stderr: string;
}

export class DeadlineExceeded extends Error {
  readonly program: string;
  readonly seconds: number;
  readonly stderr: string;

  constructor(program: string, seconds: number, stderr: string) {
    super(`${program} did not end within ${seconds} s and was killed`);
    this.name = 'DeadlineExceeded';
    this.program = program;
    this.seconds = seconds;
    this.stderr = stderr;
  }
}

export class ProgramMissing extends Error {
  readonly program: string;

  constructor(program: string) {
    super(`the program ${program} is not installed, or not executable`);
    this.name = 'ProgramMissing';
    this.program = program;
  }
}

/** Children of a killed program may keep its output open, so it is read only this much longer. */
const killedMilliseconds = 500;

/** Beyond this size output is cut off and the process ended. For comparison: 5,000 services print 2 MB of `config`. */
const maxOutputBytes = 256 * 1024 * 1024;

/** Runs a program with arguments, never through a shell. A failing exit code is a result, not an error. */
export async function run(argv: readonly string[], options: ProcessOptions): Promise<ProcessResult> {
  const [program, ...rest] = limited(argv, options);
  if (program === undefined) throw new Error('an empty argv was to be run');
  options.signal?.throwIfAborted();
  const file = options.outputFile === undefined ? undefined : openSync(options.outputFile, 'w');
  try {
    const child = spawn(program, rest, spawnOptions(options, file));
    return await ended(child, argv[0] ?? program, options);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function spawnOptions(options: ProcessOptions, outputFile: number | undefined): SpawnOptions {
  return {
    cwd: options.cwd,
    env: environment(options),
    detached: options.ownGroup === true,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', outputFile ?? 'pipe', 'pipe'],
    windowsHide: true,
  };
}

/** Waits until the program ends; kills it at the deadline, on abort, or if it prints too much. */
async function ended(child: ChildProcess, program: string, options: ProcessOptions): Promise<ProcessResult> {
  const { signal, onLine, deadlineSeconds } = options;
  let stopped: 'deadline' | 'signal' | 'output' | undefined;
  let timer = setTimeout(() => stop('deadline'), deadlineSeconds * 1000);
  const stop = (reason: typeof stopped): void => {
    stopped ??= reason;
    kill(child, options);
    clearTimeout(timer);
    timer = setTimeout(() => [child.stdout, child.stderr].forEach((stream) => stream?.destroy()), killedMilliseconds);
  };
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => collect(stream, onLine, () => stop('output')));
  const onAbort = (): void => stop('signal');
  const onExit = (): void => kill(child, options);
  signal?.addEventListener('abort', onAbort, { once: true });
  // A program in its own group finishes even if Horme exits.
  if (!options.ownGroup) process.once('exit', onExit);
  try {
    const exitCode = await closed(child, program, options.input);
    if (stopped === 'signal') signal?.throwIfAborted();
    if (stopped === 'deadline') throw new DeadlineExceeded(program, deadlineSeconds, stderr?.() ?? '');
    return { exitCode: exitCode ?? 137, stdout: stdout?.() ?? '', stderr: stderr?.() ?? '' };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    process.removeListener('exit', onExit);
  }
}

function kill(child: ChildProcess, { ownGroup }: ProcessOptions): void {
  child.kill('SIGKILL');
  try {
    if (ownGroup && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The group has ended by itself.
  }
}

/** The exit code (null after a signal), once all output has arrived. */
function closed(child: ChildProcess, program: string, input: string | Buffer | undefined): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause: NodeJS.ErrnoException) => {
      const absent = cause.code === 'ENOENT' || cause.code === 'EACCES';
      reject(absent ? new ProgramMissing(program) : new Error(`${program} could not be run`, { cause }));
    });
    child.once('close', resolve);
    // A program may end before it has read all of it.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

/** Passes lines on as they arrive; the returned function gives the whole text. */
function collect(stream: Readable | null, onLine: ProcessOptions['onLine'], onTooMuch: () => void): () => string {
  const chunks: Buffer[] = [];
  const decoder = new StringDecoder('utf8');
  let bytes = 0;
  let line = '';
  stream?.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxOutputBytes) onTooMuch();
    if (onLine === undefined) return;
    const lines = (line + decoder.write(chunk)).split(/\r?\n/);
    line = lines.pop() ?? '';
    for (const whole of lines) onLine(whole);
  });
  stream?.on('end', () => line !== '' && onLine?.(line));
  return () => Buffer.concat(chunks).toString('utf8');
}

/**
 * Each thread of a Go program reserves address space (8 MiB stack, 64 MiB malloc arena), so a limit needs few threads.
 */
function environment({ env = process.env, memoryBytes }: ProcessOptions): NodeJS.ProcessEnv {
  return memoryBytes === undefined ? env : { GOMAXPROCS: '4', MALLOC_ARENA_MAX: '2', ...env };
}

function limited(argv: readonly string[], options: ProcessOptions): readonly string[] {
  if (options.memoryBytes === undefined || process.platform !== 'linux') return argv;
  const prlimit = programIn(options.env?.['PATH'] ?? process.env['PATH'] ?? '', 'prlimit');
  return prlimit === undefined ? argv : [prlimit, `--as=${options.memoryBytes}`, '--', ...argv];
}

/** The first executable of that name in a PATH. */
export async function findProgram(name: string, path: string): Promise<string | undefined> {
  return programIn(path, name);
}

function programIn(path: string, name: string): string | undefined {
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isExecutableNow);
}

export const isExecutable = async (path: string): Promise<boolean> => isExecutableNow(path);

function isExecutableNow(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
