/** A pre-deployment check and what it found. */
export interface Check {
  name: string;
  ok: boolean;
  /** What was found and, for a failed check, what to do about it. */
  detail: string;
}
