/** What the prober measured at the public address while a plan ran. */
export interface Proof {
  requests: number;
  failed: number;
  p99Milliseconds: number;
  /** The longest time in which no probe succeeded. */
  worstGapMilliseconds: number;
  wallSeconds: number;
  /** Why nothing could be measured, where it could not. */
  notMeasured?: string;
}
