import type { ExitCode, OperatorError } from '../errors.ts';
import type { LedgerEntry, Outcome } from '../release/ledger.ts';
import type { ReleaseContent } from '../release/release.ts';
import type { StepTime } from './execute.ts';
import type { Proof } from '../proof.ts';

export interface DeployOptions {
  /** Only these of the user's services; empty: all. */
  services: string[];
  /** Deploy the platform only; the user's services stay as in the live release. */
  platformOnly: boolean;
  /** Rotate the passwords of the database's logins first. */
  rotate: boolean;
  rebuild: boolean;
  waitSeconds: number;
  watchSeconds: number | undefined;
  /** New replica counts of the live release, by service; later deploys keep them. The files are not deployed then. */
  scale: Record<string, number> | undefined;
  /** Content of an earlier release, deployed instead of the files. */
  rollbackTo: ReleaseContent | undefined;
  /**
   * Swap in the restored data that lies beside the database's; the present data is kept under `stamp`. `moment`: the
   * point in time of the restored data, ISO 8601.
   */
  swap: { stamp: string; moment: string } | undefined;
  kind: LedgerEntry['kind'];
  of: number | undefined;
  /** Called between steps, for fault tests. A command with earlier steps passes its own; undefined: `killPoint`. */
  boundary: (() => void) | undefined;
}

/** Whether the deploy reuses images of an earlier release, so that nothing is built or pulled. */
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
  /** False: there was nothing to do. */
  changed: boolean;
  release: number | undefined;
  proof: Proof | undefined;
  /** For a release that is live: a warning about requests that failed during the rollout. */
  warning: string | undefined;
  steps: StepTime[];
  /** Why it was rolled back. */
  reason: string | undefined;
  failure: OperatorError | undefined;
}
