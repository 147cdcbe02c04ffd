import { expect, test } from 'vitest';
import { helpTexts } from './commands/help-texts.ts';
import { parse } from './commands/parse.ts';
import { earlyAnswer } from './early-answer.ts';
import { OperatorError } from './errors.ts';
import { version } from './version.ts';

const texts = helpTexts();

/** What the parser prints; undefined if it has a command to run or a usage error to report. */
function parsed(argv: string[]): string | undefined {
  let text = '';
  try {
    const invocation = parse(argv, { out: (piece) => (text += piece), error: () => {} });
    return invocation === undefined ? text : undefined;
  } catch (error) {
    if (error instanceof OperatorError) return undefined;
    throw error;
  }
}

const topics = Object.keys(texts).map((topic) => topic.split(' ').filter(Boolean));

test.each(topics.map((words) => [words.join(' '), words] as const))('the help of "%s" is the parser’s', (_, words) => {
  for (const flag of ['--help', '-h']) {
    expect(earlyAnswer([...words, flag], undefined, () => texts)).toBe(parsed([...words, flag]));
  }
  if (words.length > 1) return;
  expect(earlyAnswer(['help', ...words], 200, () => texts)).toBe(parsed(['help', ...words]));
});

test.each([
  [[]],
  [['deploy']],
  [['deplyo', '--help']],
  [['help', 'deplyo']],
  [['help', 'db', 'status']],
  [['db status', '--help']],
  [['', '--help']],
  [['help', '']],
  [['exec', 'api', '--help']],
  [['db', 'psql', '--', '--help']],
  [['--help', 'deploy']],
  [['--json', '--help']],
  [['__proto__', '--help']],
  [['toString', '--help']],
])('%j is left to the parser', (argv) => {
  expect(earlyAnswer(argv, undefined, () => texts)).toBeUndefined();
});

test('a terminal that is narrower than the texts gets the parser’s', () => {
  expect(earlyAnswer(['--help'], 79, () => texts)).toBeUndefined();
  expect(earlyAnswer(['--help'], 80, () => texts)).toBe(texts['']);
});

test('the version is the parser’s', () => {
  expect(earlyAnswer(['--version'], 40, () => texts)).toBe(`${version}\n`);
  expect(parsed(['--version'])).toBe(`${version}\n`);
});
