import type { Ledger } from '../release/ledger.ts';
import type { sourceOf } from '../release/sources.ts';
import type { Session } from './session.ts';
import type { Context } from './context.ts';
import type { StepTime } from './execute.ts';
import type { DeployOptions } from './options.ts';
import type { RunningProof } from './proof.ts';
import type { Wanted } from './wanted.ts';

/** One run under the lock, from the first observation to the ledger. */
export interface Run {
  session: Session;
  context: Context;
  wanted: Wanted & { ledger: Ledger };
  options: DeployOptions;
  /** ISO 8601, by the engine's clock. */
  begunAt: string;
  times: StepTime[];
  /** Read before the first step: later edits of the files are not part of what was built. */
  source: ReturnType<typeof sourceOf>;
  proof: RunningProof;
  boundary: () => void;
}
