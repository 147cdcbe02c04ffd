/** What the prober measured at the public address while a plan ran. */
export interface Proof {
  requests: number;
  failed: number;
  p99Milliseconds: number;
  /** The longest time in which no probe succeeded. */
  worstGapMilliseconds: number;
  wallSeconds: number;
  /** From the start until no old replica got a new request; absent where nothing was switched. */
  switchedSeconds?: number;
  /** Why nothing could be measured, where it could not. */
  notMeasured?: string;
  /** The first that failed; absent where none did. */
  failures?: Failure[];
}

export interface Failure {
  url: string;
  secondsIn: number;
  reason: string;
}
