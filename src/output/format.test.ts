import { describe, expect, test } from 'vitest';
import { bytes, count, duration, milliseconds, proofLine, table } from './format.ts';

test.each([
  [0, '0 ms'],
  [0.04, '40 ms'],
  [0.0996, '0.1 s'],
  [8.4, '8.4 s'],
  [59.94, '59.9 s'],
  [59.96, '1 min'],
  [125, '2 min 5 s'],
  [3599.7, '1 h'],
  [11_520, '3 h 12 min'],
  [86_399, '1 d'],
  [187_200, '2 d 4 h'],
])('%d seconds read %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

test.each([
  [0, '0 ms'],
  [0.42, '0.4 ms'],
  [5.6, '6 ms'],
  [999.6, '1.0 s'],
])('%d milliseconds read %s', (value, text) => {
  expect(milliseconds(value)).toBe(text);
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.5 KiB'],
  [1024 ** 2 - 1, '1 MiB'],
  [2 * 1024 ** 3, '2 GiB'],
])('%d bytes read %s', (value, text) => {
  expect(bytes(value)).toBe(text);
});

test.each([
  [7, '7'],
  [999, '999'],
  [4812, '4,812'],
  [1234567, '1,234,567'],
  [1234.5678, '1,234.5678'],
])('%d counts as %s', (value, text) => {
  expect(count(value)).toBe(text);
});

describe('the proof line', () => {
  const proof = { requests: 4812, failed: 0, p99Milliseconds: 6, worstGapMilliseconds: 9, wallSeconds: 8.4 };

  test('says release, replicas, requests, failures, p99, gap and time', () => {
    expect(proofLine(proof, { release: 7, replicas: 3 })).toBe(
      'release 7 live · 3 replicas · 4,812 requests while switching, 0 failed, p99 6 ms, longest gap 9 ms · 8.4 s',
    );
  });

  test('says why nothing was measured', () => {
    expect(proofLine({ ...proof, notMeasured: 'no route' }, { release: 1, replicas: 1 })).toBe(
      'release 1 live · 1 replica · requests not measured: no route · 8.4 s',
    );
  });

  test('claims no figures from no request', () => {
    expect(proofLine({ ...proof, requests: 0 })).toBe('no request while switching · 8.4 s');
  });
});

test('a table aligns its columns and has no trailing spaces', () => {
  const columns = [{ title: 'SERVICE' }, { title: 'REPLICAS', align: 'right' as const }, { title: 'STATE' }];
  expect(
    table(columns, [
      ['api', '3', 'healthy'],
      ['frontend', '12', ''],
    ]),
  ).toBe(['SERVICE   REPLICAS  STATE', 'api              3  healthy', 'frontend        12'].join('\n'));
});
