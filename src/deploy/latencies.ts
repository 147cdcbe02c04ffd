/** Number of values kept exactly; at 50 probes a second that is a rollout of 80 s, longer than most. */
const exactCount = 4096;
/** Geometric buckets from 10 µs up, each 1 % wide: 1,600 of them reach 80 s, beyond every timeout here. */
const bucketBase = 0.01;
const bucketGrowth = Math.log(1.01);
const bucketCount = 1600;

/** Percentiles in bounded memory: exact for the first 4,096 values, within 1 % beyond. Milliseconds. */
export class Latencies {
  #exact: number[] = [];
  #buckets: Uint32Array | undefined;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(milliseconds: number): void {
    this.#count += 1;
    if (this.#buckets) {
      countIn(this.#buckets, milliseconds);
      return;
    }
    this.#exact.push(milliseconds);
    if (this.#exact.length < exactCount) return;
    this.#buckets = new Uint32Array(bucketCount);
    for (const value of this.#exact) countIn(this.#buckets, value);
    this.#exact = [];
  }

  /** The nearest rank: the smallest value that `share` (0 to 1) of all values do not exceed. 0 when there are none. */
  percentile(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.#count));
    if (!this.#buckets) return this.#exact.toSorted((a, b) => a - b)[rank - 1] ?? 0;
    let seen = 0;
    for (const [index, count] of this.#buckets.entries()) {
      seen += count;
      if (seen >= rank) return bucketBase * Math.exp(index * bucketGrowth);
    }
    return 0;
  }
}

function countIn(buckets: Uint32Array, milliseconds: number): void {
  const index = Math.ceil(Math.log(Math.max(milliseconds, bucketBase) / bucketBase) / bucketGrowth);
  const last = Math.min(index, buckets.length - 1);
  buckets[last] = (buckets[last] ?? 0) + 1;
}
