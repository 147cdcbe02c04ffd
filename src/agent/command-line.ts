import { parseArgs } from 'node:util';
import { failure, messageOf } from './failure.ts';

export interface Option {
  kind: 'text' | 'number' | 'flag';
  help: string;
  choices?: readonly string[];
  required?: boolean;
}

export type Values = Record<string, string | number | boolean | undefined>;

/** A word of the command line, with what it takes and what it does. */
export interface Command<Given> {
  help: string;
  options?: Record<string, Option>;
  /** Exactly one of these options is to be given. */
  oneOf?: readonly string[];
  run(given: Given, values: Values): Promise<object>;
}

/** Either what to run, or the help that was asked for. Fails with 'usage'. */
export function parseCommand<Given>(
  program: string,
  commands: Record<string, Command<Given>>,
  argv: readonly string[],
): { name: string; command: Command<Given>; values: Values } | { help: string } {
  const [name = '', ...words] = argv;
  if (isHelp(name)) return { help: overview(program, commands) };
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    const known = Object.keys(commands).join(', ');
    throw failure('usage', `${program}: '${name}' is no command; there are: ${known}`, `${program} --help`);
  }
  if (words.some(isHelp)) return { help: usage(program, name, command) };
  return { name, command, values: valuesOf(`${program} ${name}`, command, words) };
}

const isHelp = (word: string): boolean => word === '--help' || word === '-h';

function valuesOf<Given>(called: string, { options = {}, oneOf = [] }: Command<Given>, words: string[]): Values {
  const wrong = (message: string) => failure('usage', `${called}: ${message}`, `${called} --help`);
  const values: Values = {};
  for (const [name, given] of Object.entries(parsed(words, options, wrong))) {
    values[name] = typeof given === 'string' ? valueOf(name, options[name]!, given, wrong) : given;
  }
  const missing = Object.keys(options).find((name) => options[name]?.required && values[name] === undefined);
  if (missing !== undefined) throw wrong(`--${missing} is missing`);
  const given = oneOf.filter((name) => values[name] !== undefined);
  if (oneOf.length > 0 && given.length !== 1) {
    throw wrong(`exactly one of ${oneOf.map((name) => `--${name}`).join(', ')} is to be given`);
  }
  return values;
}

function parsed(
  args: string[],
  options: Record<string, Option>,
  wrong: (message: string) => Error,
): Record<string, string | boolean | undefined> {
  const types = Object.entries(options).map(([name, { kind }]) => [
    name,
    { type: kind === 'flag' ? 'boolean' : 'string' },
  ]);
  try {
    return parseArgs({ args, options: Object.fromEntries(types) as Record<string, { type: 'string' }>, strict: true })
      .values;
  } catch (error) {
    throw wrong(messageOf(error));
  }
}

function valueOf(
  name: string,
  { kind, choices }: Option,
  text: string,
  wrong: (message: string) => Error,
): string | number {
  if (choices && !choices.includes(text)) throw wrong(`--${name} is one of ${choices.join(', ')}, and not '${text}'`);
  if (kind !== 'number') return text;
  if (!/^\d{1,9}$/.test(text)) throw wrong(`--${name} is a number, and not '${text}'`);
  return Number(text);
}

function overview<Given>(program: string, commands: Record<string, Command<Given>>): string {
  return [
    `usage: ${program} COMMAND [OPTIONS]`,
    '',
    ...table(Object.entries(commands).map(([name, { help }]) => [name, help])),
  ].join('\n');
}

function usage<Given>(program: string, name: string, { help, options = {}, oneOf = [] }: Command<Given>): string {
  const lines = Object.entries(options).map(([option, { help: text, choices, kind }]): [string, string] => [
    kind === 'flag' ? `--${option}` : `--${option} ${choices?.join('|') ?? option.toUpperCase()}`,
    text,
  ]);
  const choice = oneOf.length > 0 ? ['', `exactly one of ${oneOf.map((one) => `--${one}`).join(', ')}`] : [];
  return [`usage: ${program} ${name}`, help, '', ...table(lines), ...choice].join('\n');
}

function table(lines: (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...lines.map(([left]) => left.length));
  return lines.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
