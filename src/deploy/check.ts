/** A pre-deployment check and what it found. */
export interface Check {
  name: string;
  ok: boolean;
  /** What was found, and where it failed: what to do. */
  detail: string;
}
