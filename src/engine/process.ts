import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';
import { execa } from 'execa';

export interface ProcessOptions {
  cwd?: string;
  /** The whole environment of the process: nothing is inherited when it is given. */
  env?: NodeJS.ProcessEnv;
  input?: string | Buffer;
  /** After this the process gets SIGKILL, and `DeadlineExceeded` is thrown. */
  deadlineSeconds: number;
  signal?: AbortSignal;
  /** In a process group of its own: Ctrl-C at the terminal then reaches Horme alone, which lets this one finish. */
  ownGroup?: boolean;
  /** Where standard output goes instead of into the result: it may be larger than memory. */
  outputFile?: string;
  /** Called with every line of both streams, as they come. */
  onLine?: (line: string) => void;
  /** Limit of the address space; Linux only, where util-linux's `prlimit` exists. Elsewhere the deadline alone ends it. */
  memoryBytes?: number;
}

export interface ProcessResult {
  /** 128 and more: ended by a signal, as a shell counts. */
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

/** What was printed right before a program was killed is read until then. */
const killedMilliseconds = 500;

/** Output beyond this is cut off and the process ended: 5,000 services print 2 MB of `config`. */
const maxOutputBytes = 256 * 1024 * 1024;

/** Runs a program with arguments, never through a shell. A failing exit code is a result, not an error. */
export async function run(argv: readonly string[], options: ProcessOptions): Promise<ProcessResult> {
  options.signal?.throwIfAborted();
  const [program, ...rest] = await limited(argv, options);
  if (program === undefined) throw new Error('an empty argv was to be run');
  const child = execa(program, rest, execaOptions(options));
  const calledOff = endWithChildren(child, options);
  const result = await child;
  calledOff();
  if (result.isCanceled) options.signal?.throwIfAborted();
  if (result.timedOut) throw new DeadlineExceeded(argv[0] ?? program, options.deadlineSeconds, result.stderr);
  if (result.code === 'ENOENT' || result.code === 'EACCES') throw new ProgramMissing(argv[0] ?? program);
  if (result.exitCode === undefined && result.signal === undefined) {
    throw new Error(`${program} could not be run`, { cause: result });
  }
  return { exitCode: result.exitCode ?? 137, stdout: result.stdout ?? '', stderr: result.stderr };
}

interface Child {
  pid?: number;
  stdout: Readable | null;
  stderr: Readable | null;
}

/** A program that is killed leaves its own children behind, which hold its output open: nobody waits for those. */
function endWithChildren(child: Child, { deadlineSeconds, signal, ownGroup }: ProcessOptions): () => void {
  let timer = setTimeout(() => end(), deadlineSeconds * 1000);
  const end = () => {
    if (ownGroup && child.pid !== undefined) killGroup(child.pid);
    timer = setTimeout(() => {
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, killedMilliseconds);
  };
  signal?.addEventListener('abort', end, { once: true });
  return () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
  };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

function execaOptions(options: ProcessOptions) {
  const { onLine } = options;
  const lines = function* (line: unknown) {
    onLine?.(String(line));
    yield line;
  };
  const stream: 'pipe' | ['pipe', typeof lines] = onLine === undefined ? 'pipe' : ['pipe', lines];
  return {
    reject: false,
    extendEnv: options.env === undefined,
    timeout: options.deadlineSeconds * 1000,
    killSignal: 'SIGKILL',
    maxBuffer: maxOutputBytes,
    stripFinalNewline: false,
    encoding: 'utf8',
    stdout: options.outputFile === undefined ? stream : { file: options.outputFile },
    stderr: stream,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    detached: options.ownGroup === true,
    env: environment(options),
  } as const;
}

/** Every thread of a Go program reserves address space (8 MiB of stack, 64 MiB of malloc arena): under a limit, few threads. */
function environment(options: ProcessOptions): NodeJS.ProcessEnv {
  if (options.memoryBytes === undefined) return options.env ?? {};
  return { GOMAXPROCS: '4', MALLOC_ARENA_MAX: '2', ...options.env };
}

async function limited(argv: readonly string[], options: ProcessOptions): Promise<readonly string[]> {
  if (options.memoryBytes === undefined || process.platform !== 'linux') return argv;
  const prlimit = await findProgram('prlimit', options.env?.['PATH'] ?? process.env['PATH'] ?? '');
  return prlimit === undefined ? argv : [prlimit, `--as=${options.memoryBytes}`, '--', ...argv];
}

/** The first executable of that name in a PATH. */
export async function findProgram(name: string, path: string): Promise<string | undefined> {
  for (const folder of path.split(delimiter)) {
    if (folder === '') continue;
    const candidate = join(folder, name);
    if (await isExecutable(candidate)) return candidate;
  }
  return undefined;
}

export async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
