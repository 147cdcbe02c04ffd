import { describe, expect, test } from 'vitest';
import { OperatorError } from '../errors.ts';
import { commands } from './index.ts';
import { parse, type Invocation } from './parse.ts';

function run(...argv: string[]): Invocation {
  const invocation = parse(argv, { out: () => {}, error: () => {} });
  if (invocation === undefined) throw new Error('no command');
  return invocation;
}

function usageError(...argv: string[]): OperatorError {
  try {
    run(...argv);
  } catch (error) {
    if (error instanceof OperatorError) return error;
    throw error;
  }
  throw new Error('it parsed');
}

describe('global options', () => {
  test('stand before or after the command, and lists add up', () => {
    const line = [
      '-f',
      'a.yaml',
      '--profile',
      'x',
      'deploy',
      'api',
      '--file',
      'b.yaml',
      '--profile',
      'y',
      '--env',
      'staging',
    ];
    const { options, arguments: services } = run(...line);
    expect(options).toEqual({
      env: 'staging',
      files: ['a.yaml', 'b.yaml'],
      projectDirectory: undefined,
      profiles: ['x', 'y'],
      json: false,
    });
    expect(services).toEqual(['api']);
  });

  test('-f is --file before logs and --follow after it', () => {
    const { options, flags, arguments: services } = run('-f', 'a.yaml', 'logs', '-f', 'api', '--file', 'b.yaml');
    expect(options.files).toEqual(['a.yaml', 'b.yaml']);
    expect(flags).toEqual({ follow: true });
    expect(services).toEqual(['api']);
  });

  test('--json and --no-color count on either side', () => {
    expect(run('--json', 'status').options.json).toBe(true);
    expect(run('status', '--no-color').color).toBe(false);
  });
});

test('plan is deploy --dry-run', () => {
  expect(run('plan', 'api').flags).toEqual(run('deploy', '--dry-run', 'api').flags);
});

test('--wait takes seconds or nothing', () => {
  expect(run('deploy', 'api', '--wait').flags).toEqual({ wait: true });
  expect(run('deploy', '--wait=60', 'api').flags).toEqual({ wait: 60 });
  expect(usageError('deploy', '--wait', 'api').message).toContain('=60');
});

test("exec leaves the container command's options alone", () => {
  expect(run('exec', '--env', 'staging', 'api', 'ls', '--json', '-f').arguments).toEqual(['api', 'ls', '--json', '-f']);
  expect(run('exec', 'api', '--', 'ls', '-l').arguments).toEqual(['api', 'ls', '-l']);
});

describe('usage errors', () => {
  test('name the nearest command and option', () => {
    expect(usageError('deplyo')).toMatchObject({
      message: "unknown command 'deplyo'; did you mean deploy?",
      exitCode: 2,
    });
    expect(usageError('deploy', '--dry-rum').message).toContain('did you mean --dry-run?');
    expect(usageError('deploy', '--dry-rum').next).toBe('horme deploy --help');
  });

  test.each([[['maintenance', 'maybe']], [['exec', 'api']], [['status', 'api']], [['logs', '--tail', 'many']], [[]]])(
    '%j',
    (argv) => {
      expect(usageError(...argv).exitCode).toBe(2);
    },
  );
});

test.each(commands.map(({ name, example }) => [name, example] as const))(
  'the example of %s parses',
  (name, example) => {
    const argv = (example.replace(/ >.*/, '').match(/"[^"]*"|\S+/g) ?? []).slice(1);
    expect(run(...argv).declaration.name).toBe(name);
  },
);

test.each(commands.map(({ name }) => name))('%s --help shows its example and the global options', (name) => {
  let help = '';
  parse([...name.split(' '), '--help'], { out: (text) => (help += text), error: () => {} });
  expect(help).toMatch(/Global options:.*--project-directory <path>.*\n\nExample:\n {2}horme /s);
});

test('a word of other tools leads to what it means here, not to what is spelled like it', () => {
  const { message, next } = usageError('restart', 'api');
  expect(message).toBe('horme has no command "restart"');
  expect(next).not.toContain('restore');
  expect(usageError('ps').next).toBe('horme status');
  expect(usageError('deplyo').message).toContain('did you mean deploy');
});
