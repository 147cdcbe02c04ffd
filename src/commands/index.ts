import type { CommandDeclaration, OptionDeclaration } from './command.ts';

const follow: OptionDeclaration = { flags: '-f, --follow', description: 'go on printing as lines come' };
const wait: OptionDeclaration = {
  flags: '--wait [seconds]',
  description: 'wait for the lock instead of exiting with 4',
  value: 'seconds',
};
const acceptSchema: OptionDeclaration = {
  flags: '--accept-schema',
  description: 'roll back although the database was migrated since; migrations are not undone',
};
const acceptDamage: OptionDeclaration = {
  flags: '--accept-damage',
  description: 'take data whose tables, indexes or pages the checks find damaged, where there is no better',
};
const serviceNames = { name: '[service...]' };

/** The command line as data: the parser, the help, the completion and the documentation come from this list. */
export const commands: readonly CommandDeclaration[] = [
  {
    name: 'init',
    summary: 'add x-horme to compose.yaml, or write a starter',
    example: 'horme init',
    load: () => import('./init.ts'),
  },
  {
    name: 'check',
    summary: 'check the files, the engine and the machine before a deploy',
    example: 'horme check --env production',
    load: () => import('./check.ts'),
  },
  {
    name: 'render',
    arguments: [{ name: '[file]' }],
    summary: 'write the complete Compose and platform files, or print one',
    options: [{ flags: '--output <dir>', description: 'folder to write to' }],
    example: 'horme render nginx.conf --env production',
    load: () => import('./render.ts'),
  },
  {
    name: 'plan',
    arguments: [serviceNames],
    summary: 'print the steps a deploy would take, each with its cause',
    example: 'horme plan --env production',
    preset: { dryRun: true },
    load: () => import('./deploy.ts'),
  },
  {
    name: 'deploy',
    arguments: [serviceNames],
    summary: 'bring what runs to what the files say, without losing a request',
    options: [
      { flags: '--dry-run', description: 'print the plan and stop' },
      wait,
      {
        flags: '--watch <seconds>',
        description: 'how long to compare the new replicas with the old ones after the switch',
        value: 'seconds',
      },
      { flags: '--build', description: 'rebuild even if the sources are unchanged' },
    ],
    example: 'horme deploy api --env production',
    load: () => import('./deploy.ts'),
  },
  {
    name: 'rollback',
    arguments: [{ name: '[release]' }],
    summary: 'restore an earlier release whole, by default the one before',
    options: [{ flags: '--dry-run', description: 'print the plan and stop' }, wait, acceptSchema],
    example: 'horme rollback 6 --env production',
    load: () => import('./rollback.ts'),
  },
  {
    name: 'releases',
    summary: 'list the releases: who, when, from which commit, with what proof',
    options: [{ flags: '--verify', description: 'check the chain of hashes of the ledger' }],
    example: 'horme releases --verify',
    load: () => import('./releases.ts'),
  },
  {
    name: 'status',
    summary: 'show services, replicas, health, release and what is wrong',
    example: 'horme status --env production',
    load: () => import('./status.ts'),
  },
  {
    name: 'logs',
    arguments: [{ name: '[service]' }],
    summary: 'print what the replicas printed',
    options: [
      follow,
      { flags: '--tail <n>', description: 'lines of each replica to begin with', value: 'count' },
      {
        flags: '--release <number>',
        description: 'of this release, also when it failed and its replicas are gone',
        value: 'count',
      },
    ],
    example: 'horme logs -f api',
    stream: true,
    load: () => import('./logs.ts'),
  },
  {
    name: 'exec',
    arguments: [{ name: '<service>' }, { name: '<command...>' }],
    summary: 'run a command in a replica of a service',
    example: 'horme exec api node --version',
    stream: true,
    passedOn: true,
    load: () => import('./exec.ts'),
  },
  {
    name: 'scale',
    arguments: [{ name: '<service=replicas...>' }],
    summary: 'set the number of replicas; kept across deploys',
    options: [
      { flags: '--confirm <env>', description: "the environment's name: confirms that a routed service gets none" },
    ],
    example: 'horme scale api=5',
    load: () => import('./scale.ts'),
  },
  {
    name: 'maintenance',
    arguments: [{ name: '<on|off>', choices: ['on', 'off'] }],
    summary: 'answer 503 with a page at the edge, or stop doing so',
    example: 'horme maintenance on --env production',
    load: () => import('./maintenance.ts'),
  },
  {
    name: 'lock',
    summary: 'show who deploys right now',
    options: [
      { flags: '--release', description: 'release the lock of a deploy that died' },
      { flags: '--confirm <env>', description: "the environment's name: confirms that a deploy that lives is ended" },
    ],
    example: 'horme lock --release',
    load: () => import('./lock.ts'),
  },
  {
    name: 'down',
    summary: 'remove the containers and networks of the environment',
    options: [
      { flags: '--volumes', description: 'remove the volumes too: this destroys data' },
      { flags: '--confirm <env>', description: "the environment's name: confirms that its data is to be destroyed" },
    ],
    example: 'horme down --env staging --volumes --confirm staging',
    load: () => import('./down.ts'),
  },
  {
    name: 'db status',
    summary: 'show who leads the database, who follows it how closely, and what this survives',
    example: 'horme db status --env production',
    load: () => import('./db/status.ts'),
  },
  {
    name: 'db switchover',
    arguments: [{ name: '[member]' }],
    summary: 'make a replica the primary, without losing a commit',
    options: [wait],
    example: 'horme db switchover horme-postgres-2',
    load: () => import('./db/switchover.ts'),
  },
  {
    name: 'db failover',
    arguments: [{ name: '<member>' }],
    summary: 'make a replica the primary although the primary does not answer: says what that may lose',
    options: [
      wait,
      { flags: '--confirm <env>', description: "the environment's name: confirms that commits may be lost" },
    ],
    example: 'horme db failover horme-postgres-2 --confirm production',
    load: () => import('./db/failover.ts'),
  },
  {
    name: 'db psql',
    arguments: [{ name: '[argument...]' }],
    summary: 'open psql on the primary as the superuser',
    options: [{ flags: '--replica', description: 'on a replica' }],
    example: 'horme db psql -- --command "SELECT now()"',
    stream: true,
    passedOn: true,
    load: () => import('./db/psql.ts'),
  },
  {
    name: 'db reinit',
    arguments: [{ name: '<member>' }],
    summary: "copy a replica's data anew from the primary",
    options: [wait],
    example: 'horme db reinit horme-postgres-2',
    load: () => import('./db/reinit.ts'),
  },
  {
    name: 'db upgrade',
    summary:
      'bring the platform alone to what the files say; another major version of PostgreSQL too, after a rehearsal',
    options: [wait, { flags: '--dry-run', description: 'print the plan and stop' }],
    example: 'horme db upgrade --env production',
    preset: { platform: true },
    load: () => import('./deploy.ts'),
  },
  {
    name: 'db drop-former',
    summary: 'delete the former data that an upgrade or a restore has kept',
    options: [
      wait,
      { flags: '--confirm <env>', description: "the environment's name: confirms that this data is to be destroyed" },
    ],
    example: 'horme db drop-former --confirm production',
    load: () => import('./db/drop-former.ts'),
  },
  {
    name: 'db rotate-password',
    summary: 'give the application and its migrations new passwords, and end the old ones once all use them',
    options: [wait],
    example: 'horme db rotate-password --env production',
    preset: { rotate: true },
    load: () => import('./deploy.ts'),
  },
  {
    name: 'restore',
    summary:
      'bring back the database and the volumes as they were: restores beside, checks, shows what changes, then swaps',
    options: [
      { flags: '--to <time>', description: 'a moment, with its zone, such as "2026-11-20 14:03:00+01"' },
      {
        flags: '--before-release <number>',
        description: 'as it was when this release of `horme releases` began, before its migrations',
        value: 'count',
      },
      { flags: '--backup <id>', description: 'a backup of `horme backup list`, as it was when it ended' },
      { flags: '--latest', description: 'the newest that was archived' },
      { flags: '--only-database', description: 'leave the volumes alone' },
      { flags: '--volume <name>', description: 'this volume alone' },
      {
        flags: '--as <name>',
        description: 'into a new database (or with --volume: a new volume) of this name, beside production',
      },
      acceptDamage,
      wait,
      { flags: '--confirm <env>', description: "the environment's name: confirms that its data is to be replaced" },
    ],
    example: 'horme restore --to "2026-11-20 14:03:00+01" --env production',
    load: () => import('./restore.ts'),
  },
  {
    name: 'recovery-kit',
    arguments: [{ name: '[file]' }],
    summary: 'write the one small encrypted file from which, with the repository, an empty machine becomes this one',
    options: [
      { flags: '--passphrase-file <file>', description: 'instead of asking; HORME_KIT_PASSPHRASE does the same' },
    ],
    example: 'horme recovery-kit shop.kit --env production',
    load: () => import('./recovery-kit.ts'),
  },
  {
    name: 'recover',
    summary:
      'on an empty machine: the platform, the database, the volumes and the release, from the kit and the repository',
    options: [
      { flags: '--kit <file>', description: 'what `horme recovery-kit` wrote' },
      { flags: '--passphrase-file <file>', description: 'instead of asking; HORME_KIT_PASSPHRASE does the same' },
      {
        flags: '--accept-sources',
        description: 'build images although their commit has other files than they were built from',
      },
      acceptDamage,
    ],
    example: 'horme recover --env production --kit shop.kit',
    load: () => import('./recover.ts'),
  },
  {
    name: 'backup now',
    summary: 'back up the database, the cache, the volumes and the releases',
    options: [{ flags: '--full', description: 'a whole backup of the database, whatever the last one was' }],
    example: 'horme backup now --env production',
    load: () => import('./backup/now.ts'),
  },
  {
    name: 'backup list',
    summary: 'list the backups: size, duration, what they reach, when each was last proven',
    example: 'horme backup list --env production',
    load: () => import('./backup/list.ts'),
  },
  {
    name: 'backup verify',
    summary: 'read every backup whole and compare checksums',
    example: 'horme backup verify --env production',
    load: () => import('./backup/verify.ts'),
  },
  {
    name: 'backup drill',
    summary: 'restore the newest backup beside production, start it, check it and throw it away',
    options: [
      {
        flags: '--repository <number>',
        description: 'default: the last one, which is off this machine',
        value: 'count',
      },
    ],
    example: 'horme backup drill --env production',
    load: () => import('./backup/drill.ts'),
  },
  {
    name: 'backup export',
    arguments: [{ name: '[file]' }],
    summary: 'write a logical dump of the database, for another version or another server',
    example: 'horme backup export shop.dump',
    load: () => import('./backup/export.ts'),
  },
  {
    name: 'completion',
    arguments: [{ name: '<bash|zsh>', choices: ['bash', 'zsh'] }],
    summary: 'print the completion script of a shell',
    example: 'horme completion bash > /etc/bash_completion.d/horme',
    load: async () => (await import('./completion.ts')).completionOf({ commands, commandGroups, globalOptions }),
  },
];

/** Commands of two words, by the first: what the group is for. */
export const commandGroups: Record<string, string> = {
  db: 'look after the database',
  backup: 'take, list and prove backups',
};

/** Accepted before the command, as Compose has them, and after it. */
export const globalOptions: readonly OptionDeclaration[] = [
  { flags: '--env <name>', description: 'environment of x-horme.environments' },
  { flags: '--json', description: 'one JSON object an event, and a final one with a schema' },
  { flags: '-f, --file <path>', description: 'Compose file; repeat it for overrides', value: 'list' },
  { flags: '--project-directory <path>', description: 'folder that relative paths begin at' },
  { flags: '--profile <name>', description: 'Compose profile to enable; repeat it for more', value: 'list' },
  { flags: '--no-color', description: 'no colors; NO_COLOR does the same' },
];
