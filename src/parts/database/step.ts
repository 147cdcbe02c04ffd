import type { Action } from '../../deploy/step.ts';

/** The database's own steps, besides starting and stopping containers. */
export type DatabaseAct =
  /** Writes the shared settings to Patroni, which passes them to all members. */
  | { do: 'share-settings' }
  | { do: 'set-roles' }
  /** Planned switchover to another member, without data loss. */
  | { do: 'switchover'; to: string }
  /** Retires the logins from before the last rotation. */
  | { do: 'retire-logins' }
  /** Runs the upgrade on a temporary copy of the primary's data. */
  | { do: 'rehearse-upgrade'; from: number; primary: string }
  /** Upgrades the first member's data while no member runs. */
  | { do: 'upgrade'; from: number }
  | { do: 'analyze' }
  /** Replaces the data of all members by the restored data, which lies beside the first member's. */
  | { do: 'swap'; stamp: string; members: string[] }
  /** Removes the cluster from etcd, so that Patroni takes over the first member's data as a new cluster. */
  | { do: 'forget-cluster' };

export const databaseStep = (act: DatabaseAct): Action => ({ do: 'part', part: 'database', act });
