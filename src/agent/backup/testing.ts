import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { systemClock, type Clock } from '../clock.ts';
import { Lock } from '../lock.ts';
import { Programs, type Completed, type RunOptions } from '../programs.ts';
import { StateFile } from '../state-file.ts';
import type { Agent, Repository, Told } from './agent.ts';
import type { Role } from './contract.ts';
import type { Folders } from './folders.ts';
import type { Known } from './known.ts';

/** The container's folders, empty and below a temporary one, which goes with the test. */
export function temporaryFolders(): Folders {
  const root = mkdtempSync(join(tmpdir(), 'horme-agent-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const names = ['run', 'secrets', 'database', 'files', 'scratch', 'members', 'sources', 'targets'] as const;
  const folders = Object.fromEntries(names.map((name) => [name, join(root, name)])) as unknown as Folders;
  for (const name of names) mkdirSync(folders[name]);
  folders.lock = join(root, 'lock');
  writeFileSync(folders.lock, '');
  return folders;
}

export function told(changes: Partial<Told> = {}): Told {
  return {
    project: 'shop-production',
    id: 'k3x9',
    stanza: '20261124-150312-ab12',
    version: 17,
    members: ['horme-postgres-1'],
    databaseName: 'shop',
    encrypt: true,
    keepDays: 30,
    schedule: '0 3 * * *',
    drillSchedule: '30 4 * * *',
    repositories: [local(1)],
    volumes: ['uploads'],
    cache: false,
    assertions: [],
    role: 'files',
    ...changes,
  };
}

export const local = (number: number): Repository => ({ number, kind: 'local' });
export const s3 = (number: number): Repository => ({ number, kind: 's3', endpoint: 'e', bucket: 'b' });

/** With real programs, clock, lock and status, unless others are given. */
export function testAgent({
  told: changes,
  ...given
}: Partial<Omit<Agent, 'told'>> & { told?: Partial<Told> } = {}): Agent {
  const folders = given.folders ?? temporaryFolders();
  const programs = new Programs();
  const role: Role = changes?.role ?? 'files';
  return {
    told: told(changes),
    folders,
    clock: systemClock,
    programs,
    lock: new Lock(folders.lock, programs),
    status: new StateFile<Known>(folders[role], join(folders.run, `${role}-status.json`)),
    ...given,
  };
}

/** A clock that stands at this moment. */
export function clockAt(moment: Date, steady = 5000, boot = 'boot-1'): Clock {
  const reading = () => ({ wall: moment, steady, boot });
  return { now: () => moment, read: reading, awake: reading };
}

type Run = (argv: readonly string[], options: RunOptions) => Promise<Completed>;

/** Programs whose runs are answered by `run`; the others are real. */
export function fakePrograms(run: Run): Programs {
  const programs = new Programs();
  programs.run = run;
  return programs;
}

export const completed = (stdout = '', exitCode = 0, stderr = ''): Completed => ({ exitCode, stdout, stderr });

export const quiet = (): void => undefined;
