import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { OperatorError, exitCodes } from '../errors.ts';
import { helpColumns } from '../early-answer.ts';
import { version } from '../version.ts';
import type { CommandDeclaration, OptionDeclaration } from '../command/declaration.ts';
import type { GlobalOptions } from '../command/context.ts';
import { nextFor } from './foreign-words.ts';
import { commandGroups, commands, globalOptions } from './index.ts';

export interface Invocation {
  declaration: CommandDeclaration;
  options: GlobalOptions;
  color: boolean;
  arguments: string[];
  flags: Record<string, unknown>;
}

/** Where the help goes: stdout when it was asked for, stderr when the command is missing. */
export interface HelpOutput {
  out(text: string): void;
  error(text: string): void;
}

/** The command to run, or undefined when the help or the version was the answer. Usage errors are `OperatorError`s. */
export function parse(argv: string[], help: HelpOutput): Invocation | undefined {
  let invocation: Invocation | undefined;
  const program = buildProgram(help, (found) => (invocation = found));
  try {
    program.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw usageError(error, argv);
  }
  return invocation;
}

const widthOn = (stream: NodeJS.WriteStream) => Math.min(stream.columns ?? helpColumns, helpColumns);
const helpWidths = {
  getOutHelpWidth: () => widthOn(process.stdout),
  getErrHelpWidth: () => widthOn(process.stderr),
};

function buildProgram(help: HelpOutput, found: (invocation: Invocation) => void): Command {
  const program = new Command('horme')
    .description('Runs the Compose file you already have in production: rolling deploys that lose no request.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: help.out, writeErr: help.error, outputError: () => {}, ...helpWidths })
    .configureHelp({ subcommandTerm })
    .addHelpText('after', '\nExample:\n  horme deploy --env production');
  for (const option of globalOptions) program.addOption(buildOption(option));
  for (const declaration of commands) addCommand(program, parentOf(program, declaration), declaration, found);
  return program;
}

/** `db status` stands below `db`, which is no command itself and prints what stands below it. */
function parentOf(program: Command, { name }: CommandDeclaration): Command {
  const [group, rest] = name.split(' ');
  if (group === undefined || rest === undefined) return program;
  const existing = program.commands.find((command) => command.name() === group);
  if (existing) return existing;
  const summary = commandGroups[group] ?? '';
  const parent = program.command(group).summary(summary).description(summary).helpCommand(false);
  parent.enablePositionalOptions().configureHelp({ subcommandTerm });
  for (const option of globalOptions) parent.addOption(buildOption(option).helpGroup('Global options:'));
  const first = commands.find((command) => command.name.startsWith(`${group} `));
  return parent.addHelpText('after', `\nExample:\n  ${first?.example ?? ''}`);
}

function subcommandTerm(command: Command): string {
  const parameters = command.registeredArguments.map((argument) => {
    const name = argument.name() + (argument.variadic ? '...' : '');
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  return [command.name(), ...parameters].join(' ');
}

function addCommand(
  program: Command,
  parent: Command,
  declaration: CommandDeclaration,
  found: (invocation: Invocation) => void,
): void {
  const name = declaration.name.split(' ').at(-1) ?? '';
  const command = parent.command(name).summary(declaration.summary).description(declaration.summary);
  for (const { name, choices } of declaration.arguments ?? []) {
    const argument = command.createArgument(name);
    command.addArgument(choices ? argument.choices(choices) : argument);
  }
  const own = (declaration.options ?? []).map(buildOption);
  for (const option of own) command.addOption(option);
  for (const option of globalOptions)
    command.addOption(buildOption(withoutTaken(option, own)).helpGroup('Global options:'));
  if (isPassedOn(declaration)) command.passThroughOptions();
  command.addHelpText('after', `\nExample:\n  ${declaration.example}`);
  command.action(() => found(toInvocation([program, parent], command, declaration, own)));
}

/** What follows belongs to a program in the container, options included. */
function isPassedOn(declaration: CommandDeclaration): boolean {
  return declaration.passedOn === true;
}

/** `logs` has `-f` for --follow, as Compose has it; --file keeps its long name there. */
function withoutTaken(option: OptionDeclaration, own: Option[]): OptionDeclaration {
  const short = /^(-\w), /.exec(option.flags)?.[1];
  const taken = short !== undefined && own.some((other) => other.short === short);
  return taken ? { ...option, flags: option.flags.slice('-x, '.length) } : option;
}

function buildOption({ flags, description, value }: OptionDeclaration): Option {
  const option = new Option(flags, description);
  if (value === 'list') option.argParser((text, list: string[] | undefined) => [...(list ?? []), text]);
  if (value === 'seconds') option.argParser(parseSeconds);
  if (value === 'count') option.argParser(parseCount);
  return option;
}

function parseSeconds(text: string): number {
  if (/^\d+(\.\d+)?s?$/.test(text)) return parseFloat(text);
  throw new InvalidArgumentError('It takes a number of seconds, such as =60.');
}

function parseCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It takes a whole number.');
}

interface RawGlobals {
  env?: string;
  json?: boolean;
  file?: string[];
  projectDirectory?: string;
  profile?: string[];
  color: boolean;
}

function toInvocation(above: Command[], command: Command, declaration: CommandDeclaration, own: Option[]): Invocation {
  const before = merged([...new Set(above)].map((one) => one.opts<RawGlobals>()));
  const after = command.opts<RawGlobals & Record<string, unknown>>();
  const env = after.env ?? before.env;
  const set = own.map((option) => option.attributeName()).filter((name) => after[name] !== undefined);
  return {
    declaration,
    options: {
      ...(env === undefined ? {} : { env }),
      files: [...(before.file ?? []), ...(after.file ?? [])],
      projectDirectory: after.projectDirectory ?? before.projectDirectory,
      profiles: [...(before.profile ?? []), ...(after.profile ?? [])],
      json: Boolean(before.json) || Boolean(after.json),
    },
    color: before.color && after.color,
    arguments: isPassedOn(declaration) ? withoutSeparator(given(command)) : given(command),
    flags: { ...Object.fromEntries(set.map((name) => [name, after[name]])), ...declaration.preset },
  };
}

/** Options of the program and of a group of commands, the latter later on the line. */
function merged(all: RawGlobals[]): RawGlobals {
  const [first = { color: true }, ...rest] = all;
  return rest.reduce(
    (one, next) => ({
      ...one,
      ...next,
      file: [...(one.file ?? []), ...(next.file ?? [])],
      profile: [...(one.profile ?? []), ...(next.profile ?? [])],
      json: Boolean(one.json) || Boolean(next.json),
      color: one.color && next.color,
    }),
    first,
  );
}

function given(command: Command): string[] {
  return command.processedArgs.flat().filter((argument): argument is string => typeof argument === 'string');
}

/** `exec api -- ls -l`, as kubectl's users type it. */
function withoutSeparator(words: string[]): string[] {
  const at = words.indexOf('--');
  return at === 0 || at === 1 ? words.toSpliced(at, 1) : words;
}

function usageError(error: CommanderError, argv: string[]): OperatorError {
  if (error.code === 'commander.help') {
    return new OperatorError('no command given', { code: 'usage', exitCode: exitCodes.usage, next: 'horme deploy' });
  }
  const foreign = error.code === 'commander.unknownCommand' ? /'([^']+)'/.exec(error.message)?.[1] : undefined;
  const instead = foreign === undefined ? undefined : nextFor(foreign);
  if (instead !== undefined)
    return new OperatorError(`horme has no command "${foreign}"`, {
      code: 'usage',
      exitCode: exitCodes.usage,
      next: instead,
    });
  const named = commands.find(({ name }) => name.split(' ').every((word) => argv.includes(word)));
  return new OperatorError(
    error.message.replace(/^error: /, '').replace(/\n\(Did you mean (.*)\)$/s, '; did you mean $1'),
    {
      code: 'usage',
      exitCode: exitCodes.usage,
      next: named === undefined ? 'horme --help' : `horme ${named.name} --help`,
    },
  );
}
