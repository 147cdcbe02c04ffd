import { waitOption, type CommandDeclaration, type OptionDeclaration } from '../../command/declaration.ts';

const acceptDamage: OptionDeclaration = {
  flags: '--accept-damage',
  description: 'take data whose tables, indexes or pages the checks find damaged, where there is no better',
};

export const commandGroups = { backup: 'take, list and prove backups' };

export const commands: readonly CommandDeclaration[] = [
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
      waitOption,
      { flags: '--confirm <env>', description: "the environment's name: confirms that its data is to be replaced" },
    ],
    example: 'horme restore --to "2026-11-20 14:03:00+01" --env production',
    load: () => import('./commands/restore.ts'),
  },
  {
    name: 'recovery-kit',
    arguments: [{ name: '[file]' }],
    summary: 'write the one small encrypted file from which, with the repository, an empty machine becomes this one',
    options: [
      { flags: '--passphrase-file <file>', description: 'instead of asking; HORME_KIT_PASSPHRASE does the same' },
    ],
    example: 'horme recovery-kit shop.kit --env production',
    load: () => import('./commands/recovery-kit.ts'),
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
    load: () => import('./commands/recover.ts'),
  },
  {
    name: 'backup now',
    summary: 'back up the database, the cache, the volumes and the releases',
    options: [{ flags: '--full', description: 'a whole backup of the database, whatever the last one was' }],
    example: 'horme backup now --env production',
    load: () => import('./commands/now.ts'),
  },
  {
    name: 'backup list',
    summary: 'list the backups: size, duration, what they reach, when each was last proven',
    example: 'horme backup list --env production',
    load: () => import('./commands/list.ts'),
  },
  {
    name: 'backup verify',
    summary: 'read every backup whole and compare checksums',
    example: 'horme backup verify --env production',
    load: () => import('./commands/verify.ts'),
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
    load: () => import('./commands/drill.ts'),
  },
  {
    name: 'backup export',
    arguments: [{ name: '[file]' }],
    summary: 'write a logical dump of the database, for another version or another server',
    example: 'horme backup export shop.dump',
    load: () => import('./commands/export.ts'),
  },
];
