/** What pgBackRest writes into the restored `postgresql.auto.conf` for the recovery. */

import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const targetLine = /^\s*recovery_target_(time|action)\s*=/;
const recoveryLine = /^\s*(restore_command|recovery_target\w*|archive_mode)\s*=|^# (Removed by|Recovery settings)/;

/** Recovery then goes on to the end of the WAL. */
export const forgetTarget = (folder: string): Promise<void> => leaveOut(folder, targetLine);

/** It would win over the platform's configuration: archiving would stay off. */
export async function forgetRecovery(folder: string): Promise<void> {
  await leaveOut(folder, recoveryLine);
  await rm(join(folder, 'recovery.signal'), { force: true });
}

async function leaveOut(folder: string, without: RegExp): Promise<void> {
  const file = join(folder, 'postgresql.auto.conf');
  const lines = (await readFile(file, 'utf8')).split('\n');
  await writeFile(file, lines.filter((line) => !without.test(line)).join('\n'));
}
