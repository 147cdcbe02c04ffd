import { waitOption, type CommandDeclaration } from '../../command/declaration.ts';

export const commandGroups = { db: 'look after the database' };

export const commands: readonly CommandDeclaration[] = [
  {
    name: 'db status',
    summary: 'show who leads the database, who follows it how closely, and what this survives',
    example: 'horme db status --env production',
    load: () => import('./commands/status.ts'),
  },
  {
    name: 'db switchover',
    arguments: [{ name: '[member]' }],
    summary: 'make a replica the primary, without losing a commit',
    options: [waitOption],
    example: 'horme db switchover horme-postgres-2',
    load: () => import('./commands/switchover.ts'),
  },
  {
    name: 'db failover',
    arguments: [{ name: '<member>' }],
    summary: 'make a replica the primary although the primary does not answer: says what that may lose',
    options: [
      waitOption,
      { flags: '--confirm <env>', description: "the environment's name: confirms that commits may be lost" },
    ],
    example: 'horme db failover horme-postgres-2 --confirm production',
    load: () => import('./commands/failover.ts'),
  },
  {
    name: 'db psql',
    arguments: [{ name: '[argument...]' }],
    summary: 'open psql on the primary as the superuser',
    options: [{ flags: '--replica', description: 'on a replica' }],
    example: 'horme db psql -- --command "SELECT now()"',
    stream: true,
    passedOn: true,
    load: () => import('./commands/psql.ts'),
  },
  {
    name: 'db reinit',
    arguments: [{ name: '<member>' }],
    summary: "copy a replica's data anew from the primary",
    options: [waitOption],
    example: 'horme db reinit horme-postgres-2',
    load: () => import('./commands/reinit.ts'),
  },
  {
    name: 'db upgrade',
    summary:
      'bring the platform alone to what the files say; another major version of PostgreSQL too, after a rehearsal',
    options: [waitOption, { flags: '--dry-run', description: 'print the plan and stop' }],
    example: 'horme db upgrade --env production',
    preset: { platform: true },
    load: () => import('./commands/upgrade.ts'),
  },
  {
    name: 'db drop-former',
    summary: 'delete the former data that an upgrade or a restore has kept',
    options: [
      waitOption,
      { flags: '--confirm <env>', description: "the environment's name: confirms that this data is to be destroyed" },
    ],
    example: 'horme db drop-former --confirm production',
    load: () => import('./commands/drop-former.ts'),
  },
  {
    name: 'db rotate-password',
    summary: 'give the application and its migrations new passwords, and end the old ones once all use them',
    options: [waitOption],
    example: 'horme db rotate-password --env production',
    preset: { rotate: true },
    load: () => import('./commands/upgrade.ts'),
  },
];
