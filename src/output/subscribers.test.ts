import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Event } from '../events.ts';
import { jsonSubscriber } from './json.ts';
import { plainSubscriber } from './plain.ts';
import { style } from './style.ts';
import { terminalSubscriber } from './terminal.ts';

const proof = { requests: 12, failed: 0, p99Milliseconds: 6, worstGapMilliseconds: 9, wallSeconds: 1.5 };
const deploy: Event[] = [
  {
    kind: 'plan',
    steps: [
      { id: 'a', title: 'start api-2', cause: 'image changed' },
      { id: 'b', title: 'drain api-1', cause: 'replaced' },
    ],
  },
  { kind: 'step-started', id: 'a', title: 'start api-2' },
  { kind: 'step-progress', id: 'a', detail: 'waiting for health' },
  { kind: 'step-progress', id: 'a', detail: 'waiting for health' },
  { kind: 'log', source: 'api-2', line: 'list\x1b[2Jening\x07' },
  { kind: 'step-finished', id: 'a', title: 'start api-2', seconds: 1.2 },
  { kind: 'warning', text: 'no health check' },
  { kind: 'proof', proof },
];

function collector(): { text: string; write(text: string): void } {
  return {
    text: '',
    write(text) {
      this.text += text;
    },
  };
}

/** A screen that knows the two sequences in use: cursor up, and erase to the end. */
function screen(columns = 80) {
  let lines = [''];
  return {
    columns,
    rows: 24,
    write(text: string) {
      for (const [, up, , line] of text.matchAll(/\x1b\[(\d+)A(\x1b\[J)|([^\n\x1b]*)\n/g)) {
        if (up !== undefined) lines = [...lines.slice(0, lines.length - 1 - Number(up)), ''];
        else lines.splice(-1, 1, line ?? '', '');
      }
    },
    shown: () => lines.slice(0, -1),
  };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('without a terminal each event is one plain line, and the proof is a result', () => {
  const [progress, results] = [collector(), collector()];
  const subscriber = plainSubscriber(progress, results);
  for (const event of deploy) subscriber.emit(event);
  expect(progress.text.split('\n')).toEqual([
    'plan: 2 steps',
    'started: start api-2',
    'start api-2: waiting for health',
    'api-2 | listening ',
    'done: start api-2 · 1.2 s',
    'warning: no health check',
    '',
  ]);
  expect(results.text).toBe('12 requests while switching, 0 failed, p99 6 ms, longest gap 9 ms · 1.5 s\n');
});

test('with --json each event is one object on a line of its own', () => {
  const output = collector();
  const subscriber = jsonSubscriber(output, () => new Date(0));
  for (const event of deploy) subscriber.emit(event);
  const objects = output.text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(objects.map(({ kind }) => kind)).toEqual(deploy.map(({ kind }) => kind));
  expect(objects[1]).toEqual({ kind: 'step-started', at: '1970-01-01T00:00:00.000Z', id: 'a', title: 'start api-2' });
});

test('on a terminal the running step is redrawn in place and the finished one stays', () => {
  const terminal = screen();
  let now = 0;
  const subscriber = terminalSubscriber({ stream: terminal, style: style(false), now: () => now });
  for (const event of deploy.slice(0, 4)) subscriber.emit(event);
  now = 1000;
  vi.advanceTimersByTime(100);
  expect(terminal.shown()).toEqual(['⠋ start api-2 · waiting for health  1.0 s', '  0 of 2 done · next: drain api-1']);
  subscriber.aside(() => terminal.write('aside\n'));
  expect(terminal.shown()[0]).toBe('aside');
  for (const event of deploy.slice(4)) subscriber.emit(event);
  subscriber.end();
  expect(terminal.shown()).toEqual([
    'aside',
    '✓ start api-2  1.2 s',
    'warning: no health check',
    '12 requests while switching, 0 failed, p99 6 ms, longest gap 9 ms · 1.5 s',
  ]);
  expect(vi.getTimerCount()).toBe(0);
});

test('a failed step shows what was printed meanwhile', () => {
  const terminal = screen(30);
  const subscriber = terminalSubscriber({ stream: terminal, style: style(false), now: () => 0 });
  subscriber.emit({ kind: 'step-started', id: 'a', title: 'build api, which has a very long name' });
  subscriber.emit({ kind: 'log', source: 'api', line: 'npm error' });
  expect(terminal.shown()).toEqual(['⠋ build api, which has…  0 ms', '  api | npm error']);
  subscriber.emit({ kind: 'step-failed', id: 'a', title: 'build api', seconds: 3, message: 'exit 1' });
  expect(terminal.shown()).toEqual(['  api | npm error', '✗ build api  3.0 s', '  exit 1']);
});
