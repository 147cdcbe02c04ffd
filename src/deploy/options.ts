import type { ExitCode, OperatorError } from '../errors.ts';
import type { LedgerEntry, Outcome } from '../release/ledger.ts';
import type { ReleaseContent } from '../release/release.ts';
import type { StepTime } from './execute.ts';
import type { Proof } from '../proof.ts';

export interface DeployOptions {
  /** Only these of the user's services; empty: all. */
  services: string[];
  /** Of the platform alone; the user's services stay as they are live. */
  platformOnly: boolean;
  /** Gives the database's logins new passwords first. */
  rotate: boolean;
  rebuild: boolean;
  waitSeconds: number;
  watchSeconds: number | undefined;
  /** Replicas to run of what is live, by service, kept for later deploys; the files are not deployed then. */
  scale: Record<string, number> | undefined;
  /** Release whose content is to run again, instead of what the files say. */
  rollbackTo: ReleaseContent | undefined;
  /**
   * Restored data that lies beside the database's is to take its place; what was there is kept under this stamp. `moment`: of
   * when it is, ISO 8601.
   */
  swap: { stamp: string; moment: string } | undefined;
  kind: LedgerEntry['kind'];
  of: number | undefined;
  /** Passed between steps, for tests; of a command that had steps of its own before. Undefined: the deploy's own. */
  boundary: (() => void) | undefined;
}

/** What was live is made of images that are there. */
export const keepsImages = ({ rollbackTo, scale, platformOnly }: DeployOptions) =>
  rollbackTo !== undefined || scale !== undefined || platformOnly;

export const deployDefaults: DeployOptions = {
  services: [],
  platformOnly: false,
  rotate: false,
  rebuild: false,
  waitSeconds: 0,
  watchSeconds: undefined,
  scale: undefined,
  rollbackTo: undefined,
  swap: undefined,
  kind: 'deploy',
  of: undefined,
  boundary: undefined,
};

export interface DeployResult {
  exitCode: ExitCode;
  outcome: Outcome;
  /** False: nothing was to be done, and nothing was. */
  changed: boolean;
  release: number | undefined;
  proof: Proof | undefined;
  /** Of a release that is live: requests that were lost on the way. */
  warning: string | undefined;
  steps: StepTime[];
  /** Why it was rolled back. */
  reason: string | undefined;
  failure: OperatorError | undefined;
}
