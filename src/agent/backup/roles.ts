import type { Command } from '../command-line.ts';
import type { Programs } from '../programs.ts';
import { logTo, serve } from '../serve.ts';
import type { Agent } from './agent.ts';
import { BackupWork, type RoleWork } from './backup-work.ts';
import { databaseCommands } from './database/commands.ts';
import { checkDatabaseHealth, databaseWork } from './database/role.ts';
import { backUpFiles } from './files/backup.ts';
import { filesCommands } from './files/commands.ts';
import { drillFiles } from './files/drill.ts';
import type { Given, Roles } from './run.ts';

type Log = (text: string) => void;

/** What the two roles of the agent have to say. */
export function roles(programs: Programs): Roles {
  return {
    commands: ({ told }): Record<string, Command<Given>> =>
      told.role === 'database' ? databaseCommands : filesCommands,
    checkHealth: async (agent) => {
      if (hasDatabase(agent)) await checkDatabaseHealth(agent);
    },
    serve: async (agent) => {
      const log = logTo(process.stderr, agent.clock);
      const work = agent.told.role === 'database' ? databaseWork(agent, log) : filesWork(agent, log);
      const { clock, folders } = agent;
      await serve(new BackupWork(agent, work, log), { programs, clock, runFolder: folders.run, log });
    },
  };
}

const hasDatabase = ({ told }: Agent): boolean => told.role === 'database' && told.stanza !== null;

const filesWork = (agent: Agent, log: Log): RoleWork => ({
  backup: (options) => backUpFiles(agent, options, log),
  drill: () => drillFiles(agent, {}, log),
});
