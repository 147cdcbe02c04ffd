import type { Repository } from '../../recovery/kit-content.ts';
import type { Stack } from '../../stack/stack.ts';
import type { Assertion } from './assertions.ts';

export interface BackupOptions {
  /** Five fields as cron has them, in UTC. */
  schedule: string;
  drillSchedule: string;
  /** How far back every second can be restored. */
  keepDays: number;
  encrypt: boolean;
  /** Keys of the Compose file's volumes. */
  volumes: string[];
  assertions: Assertion[];
  /** With their keys; the first is on this machine. */
  repositories: Repository[];
}

export const backupOptions = ({ parts }: Pick<Stack, 'parts'>): BackupOptions | undefined =>
  parts['backup'] as BackupOptions | undefined;
