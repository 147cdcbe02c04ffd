import { execFile } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';

/** What one part measured. The names of the columns carry the units. */
export interface Measured {
  title: string;
  columns: string[];
  rows: (string | number)[][];
  /** What a reader must know to judge the figures: how many runs, what could not be measured. */
  notes: string[];
}

export interface Part {
  name: string;
  /** For the help. */
  about: string;
  /** Page of docs/ that shows it; performance without one. */
  page?: 'reliability';
  measure(): Promise<Measured>;
}

const runProcess = promisify(execFile);

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle];
  if (upper === undefined) throw new Error('the median of nothing');
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** The nearest rank: the smallest value that `share` (0 to 1) of all values do not exceed. */
export function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new Error('the percentile of nothing');
  return value;
}

/** How many times `value` is `base`, such as `1.23×`. */
export function ratio(value: number, base: number): string {
  return base === 0 ? '–' : `${(value / base).toFixed(2)}×`;
}

/** The fastest and the slowest of all runs, such as `48–66`. */
export function range(values: number[]): string {
  return `${Math.round(Math.min(...values))}–${Math.round(Math.max(...values))}`;
}

/** Whether a ratio is what is aimed at, such as `≤ 1.3× met`. */
export function aim(value: number, base: number, most: number): string {
  return `≤ ${most}× ${value <= base * most ? 'met' : 'missed'}`;
}

export function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}

/** Wall time, milliseconds. */
export async function timed(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

/** Runs a program to its end; throws when it fails or takes longer. */
export async function program(file: string, args: string[], timeoutMilliseconds = 60_000): Promise<string> {
  const { stdout } = await runProcess(file, args, { timeout: timeoutMilliseconds, killSignal: 'SIGKILL' });
  return stdout;
}

/**
 * The wall times of each candidate, milliseconds. They take turns, so that what else the machine does falls on all of
 * them alike; the first turns warm the caches and are not counted.
 */
export async function interleaved<Name extends string>(
  candidates: Record<Name, () => Promise<unknown>>,
  runs: number,
  warmUps = 2,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(candidates) as Name[];
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let turn = 0; turn < runs + warmUps; turn++) {
    for (const name of names) {
      const milliseconds = await timed(candidates[name]);
      if (turn >= warmUps) times[name].push(milliseconds);
    }
  }
  return times;
}

export function table({ title, columns, rows, notes }: Measured): string {
  const cells = [columns, ...rows.map((row) => row.map(String))];
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: string[]): string =>
    widths
      .map((width, column) => (column === 0 ? (row[0] ?? '').padEnd(width) : (row[column] ?? '').padStart(width)))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  const [head = [], ...body] = cells;
  return [title, '', line(head), rule, ...body.map(line), ...notes.map((note) => `  ${note}`)].join('\n');
}

export function markdown({ title, columns, rows, notes }: Measured): string {
  const line = (cells: (string | number)[]) => `| ${cells.join(' | ')} |`;
  const rule = columns.map((_, column) => (column === 0 ? '---' : '---:'));
  return [
    `## ${title}`,
    '',
    line(columns),
    line(rule),
    ...rows.map(line),
    '',
    ...notes.map((note) => `- ${note}`),
    '',
  ].join('\n');
}

export function machine(): { cpus: number; model: string; memoryBytes: number; node: string } {
  const all = cpus();
  return { cpus: all.length, model: all[0]?.model ?? 'unknown', memoryBytes: totalmem(), node: process.version };
}
