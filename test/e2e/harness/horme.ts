import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface HormeOptions {
  cwd: string;
  /** `dist/horme.cjs` to run. */
  bundle: string;
  env: Record<string, string>;
  deadlineSeconds?: number;
  /** A program to run it under, such as prlimit with its options. */
  under?: string[];
}

export interface Ran {
  /** Undefined: it was killed by a signal. */
  exitCode: number | undefined;
  signal: NodeJS.Signals | undefined;
  stdout: string;
  stderr: string;
  /** The final object of --json, undefined without one. */
  json: Record<string, unknown>;
  /** The events before it. */
  events: Record<string, unknown>[];
  seconds: number;
}

export interface Running {
  pid: number;
  ended: Promise<Ran>;
  kill(signal: NodeJS.Signals): void;
}

const deadlineSeconds = 120;

/** Starts horme. One that hangs is killed at the deadline, which is a failure and no kill that a test has asked for. */
export function startHorme(words: string[], options: HormeOptions): Running {
  const started = performance.now();
  const [program = process.execPath, ...first] = [...(options.under ?? []), process.execPath, options.bundle];
  const child = spawn(program, [...first, ...words], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const most = options.deadlineSeconds ?? deadlineSeconds;
  let hangs = false;
  const timer = setTimeout(() => {
    hangs = true;
    child.kill('SIGKILL');
  }, most * 1000);
  const ended = once(child, 'close').then((closed): Ran => {
    const [code, signal] = closed as [number | null, NodeJS.Signals | null];
    clearTimeout(timer);
    if (hangs) throw new Error(`horme ${words.join(' ')} did not end within ${most} s\n${stdout}\n${stderr}`);
    const objects = objectsIn(stdout);
    const json = objects.findLast((object) => typeof object['schema'] === 'string') ?? {};
    const seconds = (performance.now() - started) / 1000;
    const events = objects.filter((object) => object !== json);
    return { exitCode: code ?? undefined, signal: signal ?? undefined, stdout, stderr, json, events, seconds };
  });
  return { pid: child.pid ?? 0, ended, kill: (signal) => void child.kill(signal) };
}

function objectsIn(text: string): Record<string, unknown>[] {
  return text.split('\n').flatMap((line) => {
    try {
      return line.startsWith('{') ? [JSON.parse(line) as Record<string, unknown>] : [];
    } catch {
      return [];
    }
  });
}
