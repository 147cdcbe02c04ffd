/** What the prober measured at the public address while a plan ran. */
export interface Proof {
  requests: number;
  failed: number;
  p99Milliseconds: number;
  /** The longest time in which no probe succeeded. */
  worstGapMilliseconds: number;
  wallSeconds: number;
  /** From the start until the old replicas got no new requests; absent if there was no cutover. */
  switchedSeconds?: number;
  /** Why nothing could be measured; absent if something was. */
  notMeasured?: string;
  /** The first failures; absent if there were none. */
  failures?: Failure[];
}

export interface Failure {
  url: string;
  secondsIn: number;
  reason: string;
}
