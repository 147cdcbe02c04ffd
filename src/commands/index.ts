import { waitOption, type CommandDeclaration, type OptionDeclaration } from '../command/declaration.ts';
import { parts } from '../parts/index.ts';

const follow: OptionDeclaration = { flags: '-f, --follow', description: 'go on printing as lines come' };
const acceptSchema: OptionDeclaration = {
  flags: '--accept-schema',
  description: 'roll back although the database was migrated since; migrations are not undone',
};
const serviceNames = { name: '[service...]' };

const ownCommands: readonly CommandDeclaration[] = [
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
    load: () => import('../command/deploy.ts'),
  },
  {
    name: 'deploy',
    arguments: [serviceNames],
    summary: 'bring what runs to what the files say, without losing a request',
    options: [
      { flags: '--dry-run', description: 'print the plan and stop' },
      waitOption,
      {
        flags: '--watch <seconds>',
        description: 'how long to compare the new replicas with the old ones after the switch',
        value: 'seconds',
      },
      { flags: '--build', description: 'rebuild even if the sources are unchanged' },
    ],
    example: 'horme deploy api --env production',
    load: () => import('../command/deploy.ts'),
  },
  {
    name: 'rollback',
    arguments: [{ name: '[release]' }],
    summary: 'restore an earlier release whole, by default the one before',
    options: [{ flags: '--dry-run', description: 'print the plan and stop' }, waitOption, acceptSchema],
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
];

const completion: CommandDeclaration = {
  name: 'completion',
  arguments: [{ name: '<bash|zsh>', choices: ['bash', 'zsh'] }],
  summary: 'print the completion script of a shell',
  example: 'horme completion bash > /etc/bash_completion.d/horme',
  load: async () => (await import('./completion.ts')).completionOf({ commands, commandGroups, globalOptions }),
};

/** The command line as data: the parser, the help, the completion and the documentation come from this list. */
export const commands: readonly CommandDeclaration[] = [
  ...ownCommands,
  ...parts.flatMap((part) => part.commands ?? []),
  completion,
];

/** Commands of two words, by the first: what the group is for. */
export const commandGroups: Readonly<Record<string, string>> = Object.assign(
  {},
  ...parts.map((part) => part.commandGroups),
) as Record<string, string>;

/** Accepted before the command, as Compose has them, and after it. */
export const globalOptions: readonly OptionDeclaration[] = [
  { flags: '--env <name>', description: 'environment of x-horme.environments' },
  { flags: '--json', description: 'one JSON object an event, and a final one with a schema' },
  { flags: '-f, --file <path>', description: 'Compose file; repeat it for overrides', value: 'list' },
  { flags: '--project-directory <path>', description: 'folder that relative paths begin at' },
  { flags: '--profile <name>', description: 'Compose profile to enable; repeat it for more', value: 'list' },
  { flags: '--no-color', description: 'no colors; NO_COLOR does the same' },
];
