import { beforeEach, expect, test } from 'vitest';
import type { Command, Option } from '../command-line.ts';
import { failure } from '../failure.ts';
import { Programs } from '../programs.ts';
import type { Agent } from './agent.ts';
import type { Role } from './contract.ts';
import { databaseCommands } from './database/commands.ts';
import { filesCommands } from './files/commands.ts';
import type { Folders } from './folders.ts';
import { loadSettings } from './settings.ts';
import { runAgent, type Given } from './run.ts';
import { temporaryFolders, testAgent } from './testing.ts';

const settings = {
  project: 'shop-production',
  id: 'k3x9',
  stanza: null,
  version: 17,
  members: [],
  databaseName: 'shop',
  encrypt: true,
  keepDays: 30,
  schedule: '0 3 * * *',
  drillSchedule: '30 4 * * *',
  repositories: [{ kind: 'local' }, { kind: 's3', endpoint: 'e', bucket: 'b' }],
  volumes: ['uploads'],
  cache: true,
  assertions: [],
};

let folders: Folders;
let programs: Programs;
beforeEach(() => {
  folders = temporaryFolders();
  programs = new Programs();
});

type Run = Command<Given>['run'];
type Line = Record<string, unknown>;

interface Called {
  role?: Role;
  told?: object;
  /** In place of what the command does. */
  run?: Run;
  commands?: Record<string, Command<Given>>;
}

async function called(argv: string[], { role = 'files', told = settings, run, commands = filesCommands }: Called = {}) {
  const output: string[] = [];
  const made = (): Agent =>
    testAgent({
      folders,
      programs,
      told: loadSettings({ HORME_BACKUP_ROLE: role, HORME_BACKUP: JSON.stringify(told) }),
    });
  const own = Object.entries(commands).map(([name, command]) => [name, { ...command, ...(run && { run }) }] as const);
  const roles = {
    commands: () => Object.fromEntries(own),
    serve: async () => undefined,
    checkHealth: async () => undefined,
  };
  const code = await runAgent(argv, made, roles, (text) => void output.push(text));
  const lines = output
    .join('')
    .split('\n')
    .filter((line) => line.startsWith('{'));
  return { code, lines: lines.map((line) => JSON.parse(line) as Line), text: output.join('') };
}

test('progress, then the result', async () => {
  const run: Run = async ({ agent, progress }) => {
    progress('now');
    return { repositories: agent.told.repositories.map(({ number }) => number) };
  };
  const { code, lines } = await called(['backup'], { run });
  expect(code).toBe(0);
  expect(lines).toEqual([
    { event: 'progress', text: 'now' },
    { event: 'result', repositories: [1, 2] },
  ]);
});

test('an error has its code, and what to do next', async () => {
  const run: Run = () => Promise.reject(failure('verification-failed', 'damaged', 'look'));
  const { code, lines } = await called(['verify'], { run });
  expect([code, lines]).toEqual([
    1,
    [{ event: 'error', code: 'verification-failed', message: 'damaged', next: 'look' }],
  ]);
});

test('a crash is a bug with its stack', async () => {
  const run: Run = () => Promise.reject(new RangeError('out of it'));
  const { code, lines } = await called(['verify'], { run });
  expect([code, lines[0]?.['code']]).toEqual([1, 'bug']);
  expect(lines[0]?.['message']).toMatch(/^RangeError: out of it\n +at /);
});

test('a signal ends with an error line too', async () => {
  const run: Run = async ({ agent }) => {
    void programs.endAll();
    return agent.programs.run(['sleep', '300'], { seconds: 300 });
  };
  const { code, lines } = await called(['verify'], { run });
  expect([code, lines[0]?.['code']]).toEqual([1, 'stopped']);
});

test.each([
  [['nonsense']],
  [['restore']],
  [['restore', '--kind', 'volume', '--into', 'x']],
  [['restore', '--kind', 'tape', '--into', 'x', '--latest']],
  [['restore', '--kind', 'state', '--into', 'x', '--latest', '--at', 'y']],
  [['drill', '--label', 'x']],
  [['drill', '--repo', 'two']],
  [['backup', '--type', 'half']],
])('wrong arguments are errors of the same form: %j', async (argv) => {
  const { code, lines } = await called(argv);
  expect([code, lines.at(-1)?.['code']]).toEqual([1, 'usage']);
});

test.each([[{}], [{ ...settings, repositories: [{ kind: 'tape' }] }]])(
  'and so are wrong settings: %j',
  async (told) => {
    expect((await called(['status'], { told })).lines.at(-1)?.['code']).toBe('settings-invalid');
  },
);

test('help is no error', async () => {
  const { code, text } = await called(['restore', '--help']);
  expect(code).toBe(0);
  expect(text).toContain('--kind volume|state|edge|cache');
  expect((await called(['--help'])).text).toContain('take a backup now');
});

test('restores of the database take exactly one target', async () => {
  const run: Run = async (_, { to, repo }) => ({ to, repo });
  const to = '2026-11-24 10:00:00+00';
  const argv = ['restore', '--to', to, '--repo', '2', '--into', '/members/horme-postgres-1'];
  const database = { role: 'database', commands: databaseCommands, run } as const;
  expect((await called(argv, database)).lines.at(-1)).toEqual({ event: 'result', to, repo: 2 });
  expect((await called([...argv, '--latest'], database)).lines.at(-1)?.['code']).toBe('usage');
});

/** What of the schedule still fails, after a command that went well. */
async function failingAfter(argv: string[], result: object, error: string | null = null): Promise<object> {
  const { status } = testAgent({ folders });
  await status.update((known) => {
    known.failures = { backup: 'refused', drill: 'damaged' };
    known.repositories = { 1: { lastError: null }, 2: { lastError: error }, 3: { lastError: 'of before' } };
  });
  expect((await called(argv, { run: async () => result })).code).toBe(0);
  const left = Object.entries((await status.read()).failures ?? {}).filter(([, text]) => text);
  return Object.fromEntries(left);
}

test('what was typed mends what failed by the schedule', async () => {
  const [backup, drill] = [{ backup: 'refused' }, { drill: 'damaged' }];
  expect(await failingAfter(['backup'], {})).toEqual(drill);
  expect(await failingAfter(['backup'], {}, 'damaged pages')).toEqual({ ...backup, ...drill });
  expect(await failingAfter(['drill'], { repository: 2 })).toEqual(backup);
  expect(await failingAfter(['drill'], { repository: 1 })).toEqual({ ...backup, ...drill });
});

test('the status needs nothing but its file', async () => {
  expect((await called(['status'], { role: 'database' })).lines.at(-1)).toMatchObject({
    event: 'result',
    role: 'database',
  });
});

test('whether it lives is asked of the loop', async () => {
  expect((await called(['healthy'])).lines).toEqual([
    { event: 'error', code: 'unhealthy', message: 'the loop has not begun' },
  ]);
});

test('options have the types that they are of', async () => {
  const options: Record<string, Option> = {
    count: { kind: 'number', help: '' },
    all: { kind: 'flag', help: '' },
    name: { kind: 'text', help: '' },
  };
  const commands = { try: { help: '', options, run: async (_: Given, values: object) => values } };
  const { lines } = await called(['try', '--count=3', '--all', '--name', 'x y'], { commands });
  expect(lines).toEqual([{ event: 'result', count: 3, all: true, name: 'x y' }]);
});
