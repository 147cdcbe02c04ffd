import type { Command, Option, Values } from '../../command-line.ts';
import type { BackupType } from '../contract.ts';
import type { Given } from '../run.ts';
import { runBackup } from './backup.ts';
import { runDrill } from './drill.ts';
import { runDump } from './dump.ts';
import { listHistories } from './histories.ts';
import { runRestore } from './restore.ts';
import { setUp } from './set-up.ts';
import { runSwap } from './swap.ts';
import { verifyHistories } from './verify.ts';

const repo: Option = { kind: 'number', help: 'the number of one repository' };
const label: Option = { kind: 'text', help: 'of a backup' };
const postgres: Option = { kind: 'number', help: 'major version of the restored data; else the present one' };

export const databaseCommands: Record<string, Command<Given>> = {
  list: {
    help: 'what can be restored',
    run: ({ agent, progress }) => listHistories(agent, {}, progress),
  },
  verify: {
    help: 'read everything in all repositories',
    run: ({ agent, progress }) => verifyHistories(agent, {}, progress),
  },
  backup: {
    help: 'take a backup now',
    options: { type: { kind: 'text', help: 'else as it is due', choices: ['full', 'diff', 'incr'] } },
    run: ({ agent, progress }, { type }) => runBackup(agent, { type: type as BackupType | undefined }, progress),
  },
  drill: {
    help: 'restore a backup beside, check it, delete it',
    options: { repo, label },
    run: ({ agent, progress }, values) =>
      runDrill(agent, { repo: number(values, 'repo'), label: text(values, 'label') }, progress),
  },
  'set-up': {
    help: 'make the repositories ready',
    run: ({ agent, progress }) => setUp(agent, {}, progress),
  },
  restore: {
    help: "restore beside a member's data",
    options: {
      to: { kind: 'text', help: "a moment, such as '2026-01-31 14:30:00+00:00'" },
      label,
      latest: { kind: 'flag', help: 'all that there is' },
      stanza: { kind: 'text', help: 'a history; else the present one' },
      repo,
      into: { kind: 'text', help: "the folder of a member's volume", required: true },
      'accept-damage': { kind: 'flag', help: 'also what the checks of tables and pages find damaged' },
      postgres,
    },
    oneOf: ['to', 'label', 'latest'],
    run: ({ agent, progress }, values) =>
      runRestore(
        agent,
        {
          to: text(values, 'to'),
          label: text(values, 'label'),
          latest: values['latest'] === true,
          stanza: text(values, 'stanza'),
          repo: number(values, 'repo'),
          into: values['into'] as string,
          acceptDamage: values['accept-damage'] === true,
          postgres: number(values, 'postgres'),
        },
        progress,
      ),
  },
  swap: {
    help: 'take restored data into use; the members are stopped',
    options: {
      stamp: { kind: 'text', help: 'names what is set aside', required: true },
      members: { kind: 'text', help: 'with commas; the first has the restored data', required: true },
    },
    run: ({ agent, progress }, { stamp, members }) =>
      runSwap(agent, { stamp: stamp as string, members: members as string }, progress),
  },
  dump: {
    help: "dump what was restored beside a member's data, and delete that",
    options: { member: { kind: 'text', help: 'its name', required: true }, postgres },
    run: ({ agent, progress }, values) =>
      runDump(agent, { member: values['member'] as string, postgres: number(values, 'postgres') }, progress),
  },
};

/** The values have the types of their options. */
const text = (values: Values, name: string): string | undefined => values[name] as string | undefined;
const number = (values: Values, name: string): number | undefined => values[name] as number | undefined;
