import type { Proof } from '../proof.ts';

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

/** A readable duration: `40 ms`, `8.4 s`, `2 min 5 s`, `3 h 12 min`, `2 d 4 h`. */
export function duration(seconds: number): string {
  if (seconds < 0.0995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < minute - 0.05) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < hour) return twoUnits(whole, minute, 'min', 1, 's');
  if (whole < day - minute / 2) return twoUnits(whole, hour, 'h', minute, 'min');
  return twoUnits(whole, day, 'd', hour, 'h');
}

function twoUnits(seconds: number, large: number, largeName: string, small: number, smallName: string): string {
  // Round to the small unit first, or 59.6 minutes would read `60 min`.
  const rounded = Math.round(seconds / small) * small;
  const rest = Math.round((rounded % large) / small);
  const whole = Math.floor(rounded / large);
  return rest === 0 ? `${count(whole)} ${largeName}` : `${count(whole)} ${largeName} ${rest} ${smallName}`;
}

/** `0.4 ms`, `6 ms`, `1.3 s`. */
export function milliseconds(value: number): string {
  if (value > 0 && value < 0.95) return `${value.toFixed(1)} ms`;
  return value < 999.5 ? `${Math.round(value)} ms` : duration(value / 1000);
}

/** Binary units, as the engine and Compose count memory: `512 B`, `1.5 KiB`, `2 GiB`. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  let scaled = value;
  while (roundForReading(scaled) >= 1024 && unit < units.length - 1) {
    scaled /= 1024;
    unit += 1;
  }
  return `${roundForReading(scaled)} ${units[unit]}`;
}

function roundForReading(value: number): number {
  return value < 10 ? Math.round(value * 10) / 10 : Math.round(value);
}

/** With thousands separators: `4,812`. Without Intl, since loading it takes longer than all of `--help`. */
export function count(value: number): string {
  return String(value).replace(/\B(?<!\.\d*)(?=(\d{3})+(?!\d))/g, ',');
}

/** `1 replica`, `3 replicas`. */
export function quantity(value: number, noun: string, plural = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : plural}`;
}

export interface Live {
  release: number;
  replicas: number;
}

/** `release 7 live · 3 replicas · 4,812 requests while switching, 0 failed, p99 6 ms, longest gap 9 ms · 8.4 s` */
export function proofLine(proof: Proof, live?: Live): string {
  const head = live === undefined ? [] : [`release ${live.release} live`, quantity(live.replicas, 'replica')];
  return [...head, measured(proof), duration(proof.wallSeconds)].join(' · ');
}

function measured(proof: Proof): string {
  if (proof.notMeasured !== undefined) return `requests not measured: ${proof.notMeasured}`;
  if (proof.requests === 0) return 'no request while switching';
  return [
    `${quantity(proof.requests, 'request')} while switching`,
    `${count(proof.failed)} failed`,
    `p99 ${milliseconds(proof.p99Milliseconds)}`,
    `longest gap ${milliseconds(proof.worstGapMilliseconds)}`,
  ].join(', ');
}

export interface Column {
  title: string;
  /** Numbers read best flush right. */
  align?: 'left' | 'right';
}

/** Columns two spaces apart, as `docker compose ps` has them. No trailing spaces. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map((column) => column.title), ...rows];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => [...(line[index] ?? '')].length)));
  return lines.map((line) => tableLine(line, columns, widths)).join('\n');
}

function tableLine(line: readonly string[], columns: readonly Column[], widths: readonly number[]): string {
  const cells = columns.map((column, index) => {
    const text = line[index] ?? '';
    const padding = ' '.repeat((widths[index] ?? 0) - [...text].length);
    return column.align === 'right' ? padding + text : text + padding;
  });
  return cells.join('  ').trimEnd();
}
