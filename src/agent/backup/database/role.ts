import { failure } from '../../failure.ts';
import type { Agent } from '../agent.ts';
import type { RoleWork } from '../backup-work.ts';
import { beginArchiver, lookSeconds, watchArchive } from './archiver.ts';
import { runBackup } from './backup.ts';
import { runDrill } from './drill.ts';
import { GapWatch } from './gaps.ts';
import { serverArgv, writeConfiguration } from './pgbackrest.ts';

/** How soon a repository that could not be asked is asked again, in seconds. */
const gapsEverySeconds = 30;
const pingSeconds = 10;

export function databaseWork(agent: Agent, log: (text: string) => void): RoleWork {
  const work: RoleWork = {
    backup: ({ repositories }) => runBackup(agent, { repositories }, log),
    drill: () => runDrill(agent, {}, log),
  };
  return agent.told.stanza === null ? work : { ...work, database: theDatabase(agent) };
}

function theDatabase(agent: Agent): NonNullable<RoleWork['database']> {
  const gaps = new GapWatch(agent);
  return {
    begin: async () => {
      await writeConfiguration(agent);
      await beginArchiver(agent);
    },
    watches: [
      { what: 'the database', everySeconds: lookSeconds, look: () => watchArchive(agent) },
      { what: 'the repositories', everySeconds: gapsEverySeconds, look: () => gaps.look() },
    ],
    // What it prints goes into the container's log.
    startServer: () => agent.programs.start(serverArgv(agent), { output: process.stderr.fd }),
  };
}

/** Asked of pgBackRest itself: a bare connection would leave an error in its log each time. */
export async function checkDatabaseHealth({ programs }: Agent): Promise<void> {
  const { exitCode, stdout, stderr } = await programs.run(['pgbackrest', 'server-ping'], { seconds: pingSeconds });
  if (exitCode === 0) return;
  throw failure('unhealthy', `pgbackrest's server does not answer: ${(stderr || stdout).trim()}`);
}
