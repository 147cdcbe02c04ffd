import { AsyncLocalStorage } from 'node:async_hooks';
import type { ChildProcess } from 'node:child_process';
import { basename } from 'node:path';
import { politely, signalGroup, startChild, type Child, type StartOptions } from './child.ts';
import { failure } from './failure.ts';
import { collectLines, type Lines } from './lines.ts';
import { endsWithin } from './wait.ts';

/**
 * Between asking a group to end and killing it. pgBackRest and restic release their locks in that time; a lock of restic that
 * stays would keep `prune` out for half an hour.
 */
export const graceSeconds = 10;
/** `docker stop` kills after 10 s: the agent's own end must come before. */
const stopGraceSeconds = 5;
const lookSeconds = 1;
/** Of what is done beside production, which comes first. */
export const nice = 10;
/** Of drills, for which nobody waits. */
export const niceOfDrills = 15;

export interface Completed {
  /** 128 and more: ended by a signal, as a shell counts. */
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions extends Omit<StartOptions, 'takesInput' | 'output' | 'endsBy'> {
  seconds: number;
  stdin?: string;
  onLine?: (line: string) => void;
  /** Only so many of the last lines of each output are kept, where a program writes millions. */
  keepLines?: number;
}

type Look = () => Promise<void>;

/** What the current task looks at while a program of it runs. `serve` runs other tasks beside. */
const looks = new AsyncLocalStorage<Look>();

/**
 * What `work` runs ends once `look`, which is called each second, fails: with that failure. One within another adds to it.
 */
export function endedBy<T>(look: Look, work: () => Promise<T>): Promise<T> {
  const outer = looks.getStore();
  const both = async (): Promise<void> => {
    await outer?.();
    await look();
  };
  return looks.run(both, work);
}

/**
 * Runs programs: without a shell, with a deadline, in a process group of its own, which ends with the call, and with an agent
 * that is told to stop. What leaves the group, or loses its agent to SIGKILL, goes on.
 */
export class Programs {
  readonly #running = new Map<Child, NodeJS.Signals>();
  readonly #stop = new AbortController();
  readonly #lookSeconds: number;

  constructor(times: { lookSeconds?: number } = {}) {
    this.#lookSeconds = times.lookSeconds ?? lookSeconds;
  }

  /** Aborted once the agent stops. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get stopping(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Any exit code is an answer; fails with 'deadline' when there is none in time. */
  async run(argv: readonly string[], options: RunOptions): Promise<Completed> {
    await looks.getStore()?.();
    const { seconds, stdin, onLine, keepLines, ...others } = options;
    const child = this.start(argv, { ...others, takesInput: stdin !== undefined });
    const listener = new Listener(onLine);
    const read = (stream: ChildProcess['stdout']): Lines =>
      collectLines(stream!, (line) => listener.hear(line), keepLines);
    const [stdout, stderr] = [read(child.process.stdout), read(child.process.stderr)];
    feed(child.process, stdin);
    try {
      await this.#wait(child, [stdout, stderr], seconds, basename(argv[0] ?? ''));
    } finally {
      await this.end(child);
    }
    await Promise.all([stdout.done, stderr.done]);
    if (this.stopping) throw failure('stopped', `${basename(argv[0] ?? '')} was ended because the agent stops`);
    listener.rethrow();
    return { exitCode: child.exitCode() ?? 137, stdout: stdout.text(), stderr: stderr.text() };
  }

  /** For a child that stays; whoever starts it ends it with `end`. */
  start(argv: readonly string[], options: StartOptions = {}): Child {
    if (this.stopping) throw failure('stopped', 'the agent stops');
    const child = startChild([...politely(options.nice ?? 0), ...argv], options);
    this.#running.set(child, options.endsBy ?? 'SIGTERM');
    return child;
  }

  /** Ends the whole group, kindly at first. Nothing when it has ended. */
  async end(child: Child, grace: number = graceSeconds): Promise<void> {
    if (child.exitCode() === undefined) {
      signalGroup(child, this.#running.get(child) ?? 'SIGTERM');
      await endsWithin(grace, child.ended);
    }
    // Also when the leader is gone: what it started may not be.
    signalGroup(child, 'SIGKILL');
    await child.ended.catch(() => undefined);
    // What has left the group may hold them open.
    child.process.stdout?.destroy();
    child.process.stderr?.destroy();
    this.#running.delete(child);
  }

  /** Lets no more children start, and ends those that run. */
  async endAll(): Promise<void> {
    this.#stop.abort();
    const children = [...this.#running];
    for (const [child, endsBy] of children) signalGroup(child, endsBy);
    await endsWithin(stopGraceSeconds, Promise.allSettled(children.map(([child]) => child.ended)));
    for (const [child] of children) signalGroup(child, 'SIGKILL');
  }

  async #wait(child: Child, outputs: Lines[], seconds: number, name: string): Promise<void> {
    const began = performance.now();
    const left = (): number => seconds - (performance.now() - began) / 1000;
    const look = looks.getStore();
    while (!(await endsWithin(Math.max(0, Math.min(this.#lookSeconds, left())), child.ended))) {
      if (left() <= 0) throw failure('deadline', `${name} did not end within ${seconds} s${lastWords(outputs)}`);
      await look?.();
    }
    await child.ended;
    // A grandchild that keeps a pipe open must not keep us past the deadline either.
    await endsWithin(Math.max(1, left()), Promise.all(outputs.map(({ done }) => done)));
  }
}

/** The first failure ends the listening, not the reading. */
class Listener {
  readonly #onLine: ((line: string) => void) | undefined;
  #failed: { error: unknown } | undefined;

  constructor(onLine: ((line: string) => void) | undefined) {
    this.#onLine = onLine;
  }

  hear(line: string): void {
    if (this.#failed) return;
    try {
      this.#onLine?.(line);
    } catch (error) {
      this.#failed = { error };
    }
  }

  rethrow(): void {
    if (this.#failed) throw this.#failed.error;
  }
}

function feed(child: ChildProcess, text: string | undefined): void {
  // It wanted no more; its exit code says whether that is well.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(text);
}

function lastWords([stdout, stderr]: Lines[], count = 5): string {
  const last = stderr?.last(count).length ? stderr.last(count) : (stdout?.last(count) ?? []);
  return last.length > 0 ? `; it last said: ${last.map((line) => line.trim()).join(' / ')}` : '';
}
