import { databaseProblems, databaseStatus, survives, type DatabaseStatus } from '../status.ts';
import { bytes, duration, table } from '../../../output/format.ts';
import { openSession } from '../../../command/session.ts';
import type { CommandContext } from '../../../command/context.ts';
import { databaseOf } from './member.ts';

export async function run(context: CommandContext): Promise<void> {
  const session = await openSession(context);
  const wanted = databaseOf(session);
  const status = await databaseStatus(session.engine, session.stack.project);
  const label = survives(wanted);
  const problems = databaseProblems(status, wanted);
  context.print(screen(status, label, problems));
  context.result({
    schema: 'horme.database/1',
    project: session.stack.project,
    durability: wanted.durability,
    ...status,
    survives: label,
    problems,
  });
}

const columns = [
  { title: 'member' },
  { title: 'role' },
  { title: 'state' },
  { title: 'timeline', align: 'right' as const },
  { title: 'behind', align: 'right' as const },
  { title: 'commits' },
];

function screen({ members, slots }: DatabaseStatus, label: string, problems: string[]): string {
  const rows = members.map(({ name, role, state, timeline, lagBytes, lagSeconds, synchronous }) => [
    name,
    role,
    state,
    timeline === undefined ? '-' : String(timeline),
    role === 'primary' ? '-' : behind(lagBytes, lagSeconds),
    synchronous ? 'wait for it' : role === 'primary' ? '' : 'do not wait',
  ]);
  const kept = slots.map(({ name, active, state, keptBytes }) => [
    name,
    active ? 'in use' : 'idle',
    state,
    bytes(keptBytes),
  ]);
  return [
    table(columns, rows),
    ...(kept.length > 0
      ? [
          '',
          table([{ title: 'slot' }, { title: 'use' }, { title: 'its WAL' }, { title: 'kept', align: 'right' }], kept),
        ]
      : []),
    '',
    label,
    ...(problems.length > 0 ? ['what is wrong:', ...problems.map((problem) => `  ${problem}`)] : []),
  ].join('\n');
}

function behind(lagBytes: number | undefined, lagSeconds: number | undefined): string {
  if (lagBytes === undefined) return 'unknown';
  return lagSeconds === undefined ? bytes(lagBytes) : `${bytes(lagBytes)}, ${duration(lagSeconds)}`;
}
