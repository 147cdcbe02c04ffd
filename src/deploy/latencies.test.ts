import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Latencies } from './latencies.ts';

function of(values: number[]): Latencies {
  const latencies = new Latencies();
  for (const value of values) latencies.add(value);
  return latencies;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

test('percentiles of few values are exact', () => {
  expect(of([]).percentile(0.99)).toBe(0);
  expect(of([7]).percentile(0.5)).toBe(7);
  expect(of(upTo(100).toReversed()).percentile(0.99)).toBe(99);
  expect(of(upTo(100)).percentile(0.5)).toBe(50);
});

test('percentiles of many values are within 1 %', () => {
  const many = of(upTo(50_000));
  expect(many.count).toBe(50_000);
  for (const share of [0.01, 0.5, 0.99]) {
    const exact = share * 50_000;
    expect(many.percentile(share) / exact).toBeGreaterThanOrEqual(1 - 1e-9);
    expect(many.percentile(share) / exact).toBeLessThanOrEqual(1.0101);
  }
});

test('any value keeps its place when the buckets take over', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 60_000, noNaN: true }), (value) => {
      const median = of(new Array<number>(5000).fill(value)).percentile(0.5);
      expect(median / value).toBeGreaterThanOrEqual(1 - 1e-9);
      expect(median / value).toBeLessThanOrEqual(1.0101);
    }),
    { numRuns: 30 },
  );
});
