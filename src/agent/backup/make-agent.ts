import { join } from 'node:path';
import { systemClock } from '../clock.ts';
import { Lock } from '../lock.ts';
import type { Programs } from '../programs.ts';
import { StateFile } from '../state-file.ts';
import type { Agent, Told } from './agent.ts';
import { containerFolders, folderOf } from './folders.ts';
import type { Known } from './known.ts';

/** The agent as its container has it. */
export function makeAgent(told: Told, programs: Programs): Agent {
  const folders = containerFolders;
  return {
    told,
    folders,
    clock: systemClock,
    programs,
    lock: new Lock(folders.lock, programs),
    status: new StateFile<Known>(folderOf(folders, told.role), join(folders.run, `${told.role}-status.json`)),
  };
}
