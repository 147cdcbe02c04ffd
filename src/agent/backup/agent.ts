import type { Clock } from '../clock.ts';
import type { Lock } from '../lock.ts';
import type { Programs } from '../programs.ts';
import type { StateFile } from '../state-file.ts';
import type { AgentSettings, RepositorySettings, Role } from './contract.ts';
import type { Folders } from './folders.ts';
import type { Known } from './known.ts';

/** Where backups are kept. `number` counts from 1: pgBackRest's repoN. */
export type Repository = RepositorySettings & { number: number };

/** What the container is told, its repositories numbered. */
export interface Told extends Omit<AgentSettings, 'repositories' | 'stanza'> {
  role: Role;
  stanza: string | null;
  repositories: Repository[];
}

/** What all work of the agent is given. */
export interface Agent {
  told: Told;
  folders: Folders;
  clock: Clock;
  programs: Pick<Programs, 'run' | 'start' | 'end' | 'signal' | 'stopping'>;
  lock: Lock;
  status: StateFile<Known>;
}

export type Progress = (text: string) => void;

export const named = ({ number, kind }: Repository): string => `repository ${number} (${kind})`;
