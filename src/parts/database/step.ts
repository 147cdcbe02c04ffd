import type { Action } from '../../deploy/step.ts';

/** What the database asks for beside starting and stopping its containers. */
export type DatabaseAct =
  /** What the members share is told to Patroni, which tells them. */
  | { do: 'share-settings' }
  | { do: 'set-roles' }
  /** Another member becomes the primary, by plan: nothing is lost. */
  | { do: 'switchover'; to: string }
  /** The logins before the last rotation get in no more. */
  | { do: 'retire-logins' }
  /** On a copy of the primary's data, which is thrown away. */
  | { do: 'rehearse-upgrade'; from: number; primary: string }
  /** Of the first member's data, while no member runs. */
  | { do: 'upgrade'; from: number }
  | { do: 'analyze' }
  /** Restored data, beside the first member's, for all that the members have. */
  | { do: 'swap'; stamp: string; members: string[] }
  /** Patroni finds the first member's data as that of a new cluster, and takes it over. */
  | { do: 'forget-cluster' };

export const databaseStep = (act: DatabaseAct): Action => ({ do: 'part', part: 'database', act });
