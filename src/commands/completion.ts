import type { CommandDeclaration, OptionDeclaration } from '../command/declaration.ts';
import type { CommandContext } from '../command/context.ts';

/** All that can be typed. */
export interface CommandLine {
  commands: readonly CommandDeclaration[];
  commandGroups: Record<string, string>;
  globalOptions: readonly OptionDeclaration[];
}

/** Prints a script that completes commands, options, fixed arguments and paths. It never calls horme back: it is instant. */
export const completionOf = (line: CommandLine) => ({
  run: async ({ arguments: [shell], print, result }: CommandContext): Promise<void> => {
    const script = shell === 'zsh' ? zshCompletion(line) : bashCompletion(line);
    print(script);
    result({ schema: 'horme.completion/1', shell, script });
  },
});

interface OptionWords {
  names: string[];
  value: 'none' | 'optional' | 'path' | 'folder' | 'other';
  /** What the help calls the value. */
  valueName: string;
}

function optionWords({ flags }: OptionDeclaration): OptionWords {
  const names = flags.match(/(?<=^|, )--?[a-z][a-z-]*/g) ?? [];
  const [, bracket, valueName = ''] = / ([<[])(\w+)/.exec(flags) ?? [];
  return { names, value: valueKind(bracket, valueName, names), valueName };
}

function valueKind(bracket: string | undefined, name: string, options: string[]): OptionWords['value'] {
  if (bracket === undefined) return 'none';
  if (bracket === '[') return 'optional';
  if (name === 'dir' || options.includes('--project-directory')) return 'folder';
  return name === 'path' || name === 'file' ? 'path' : 'other';
}

/** The command's options, and the global ones whose names it does not take. */
function optionsOf({ globalOptions }: CommandLine, command: CommandDeclaration): OptionDeclaration[] {
  const own = command.options ?? [];
  const taken = new Set(own.flatMap((option) => optionWords(option).names));
  const shared = globalOptions.map((option) => {
    const isTaken = optionWords(option).names.some((name) => taken.has(name));
    return isTaken ? { ...option, flags: option.flags.replace(/^-\w, /, '') } : option;
  });
  return [...own, ...shared, { flags: '--help', description: 'print the help of the command' }];
}

function choicesOf(command: CommandDeclaration): readonly string[] {
  return (command.arguments ?? []).flatMap((argument) => argument.choices ?? []);
}

/** The second words of a group's commands. */
const wordsOf = ({ commands }: CommandLine, group: string) =>
  commands.filter(({ name }) => name.startsWith(`${group} `)).map(({ name }) => name.slice(group.length + 1));

const firstWords = ({ commands, commandGroups }: CommandLine) => [
  ...commands.map(({ name }) => name).filter((name) => !name.includes(' ')),
  ...Object.keys(commandGroups),
];

const beforeCommand = ({ globalOptions }: CommandLine): OptionDeclaration[] => [
  ...globalOptions,
  { flags: '--version', description: 'print the version' },
  { flags: '--help', description: 'print the help' },
];

export function bashCompletion(line: CommandLine): string {
  const { commands, commandGroups, globalOptions } = line;
  const valued = globalOptions.map(optionWords).filter(({ value }) => value !== 'none' && value !== 'optional');
  return `# bash completion of horme, made by: horme completion bash
_horme() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} command= index
  for ((index = 1; index < COMP_CWORD; index++)); do
    case \${COMP_WORDS[index]} in
      ${valued.flatMap(({ names }) => names).join(' | ')}) ((index++)) ;;
      -*) ;;
      *)
        command=\${command:+$command }\${COMP_WORDS[index]}
        case $command in ${Object.keys(commandGroups).join(' | ')}) ;; *) break ;; esac
        ;;
    esac
  done
  local words=
  case $command in
${bashCase("''", beforeCommand(line), [...firstWords(line), 'help'])}
${Object.keys(commandGroups)
  .map((group) => bashCase(group, beforeCommand(line), wordsOf(line, group)))
  .join('\n')}
${commands.map((command) => bashCase(`'${command.name}'`, optionsOf(line, command), choicesOf(command))).join('\n')}
    help) words='${firstWords(line).join(' ')}' ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _horme horme
`;
}

function bashCase(pattern: string, options: OptionDeclaration[], words: readonly string[]): string {
  const parsed = options.map(optionWords);
  const names = (kind: OptionWords['value']) => parsed.filter(({ value }) => value === kind).flatMap((o) => o.names);
  const arm = (kind: OptionWords['value'], action: string) =>
    names(kind).length === 0 ? [] : [`        ${names(kind).join(' | ')}) ${action} ;;`];
  const arms = [
    ...arm('path', 'COMPREPLY=($(compgen -f -- "$current")) && compopt -o filenames && return'),
    ...arm('folder', 'COMPREPLY=($(compgen -d -- "$current")) && compopt -o filenames && return'),
    ...arm('other', 'return'),
  ];
  const all = [...words, ...parsed.flatMap((option) => option.names)];
  return `    ${pattern})
      case $previous in
${arms.join('\n')}
      esac
      words='${all.join(' ')}'
      ;;`;
}

export function zshCompletion(line: CommandLine): string {
  const { commands, commandGroups } = line;
  return `#compdef horme
# zsh completion of horme, made by: horme completion zsh
compdef _horme horme
_horme() {
  local context state state_descr line
  typeset -A opt_args
  local -a commands=(
${[...commands.filter(({ name }) => !name.includes(' ')).map(described), ...Object.entries(commandGroups).map(([name, summary]) => described({ name, summary }))].join('\n')}
    'help:print the help of a command'
  )
  _arguments -C \\
${zshOptions(beforeCommand(line), '    ')}
    '1:command:->command' \\
    '*::argument:->argument'
  case $state in
    command) _describe -t commands command commands ;;
    argument)
      case $words[1] in
${commands
  .filter(({ name }) => !name.includes(' '))
  .map((command) => zshCase(line, command))
  .join('\n')}
${Object.keys(commandGroups)
  .map((group) => zshGroup(line, group))
  .join('\n')}
        help) _describe -t commands command commands ;;
      esac
      ;;
  esac
}
# Autoloaded from $fpath, the file is the function's body: then answer this first call too.
[[ $funcstack[1] == _horme ]] && _horme "$@"
`;
}

const described = ({ name, summary }: { name: string; summary: string }) => `    ${quote(`${name}:${summary}`)}`;

/** The second word, then the options of all commands of the group: each refuses what is not its own. */
function zshGroup(line: CommandLine, group: string): string {
  const { commands, globalOptions } = line;
  const members = commands.filter(({ name }) => name.startsWith(`${group} `));
  const own = members.flatMap(({ options }) => options ?? []);
  const distinct = [...new Map([...own, ...globalOptions].map((option) => [option.flags, option])).values()];
  return `        ${group})
          _arguments \\
${zshOptions(distinct, '            ')}
            '1:command:(${wordsOf(line, group).join(' ')})' \\
            '*::argument: '
          ;;`;
}

function zshCase(line: CommandLine, command: CommandDeclaration): string {
  const choices = choicesOf(command);
  const rest = choices.length === 0 ? `'*:argument: '` : `'1:argument:(${choices.join(' ')})'`;
  return `        ${command.name})
          _arguments \\
${zshOptions(optionsOf(line, command), '            ')}
            ${rest}
          ;;`;
}

function zshOptions(options: OptionDeclaration[], indent: string): string {
  return options.map((option) => `${indent}${zshOption(option)} \\`).join('\n');
}

function zshOption(option: OptionDeclaration): string {
  const { names, value, valueName } = optionWords(option);
  const repeat = option.value === 'list' ? '*' : '';
  const exclusion = repeat === '' && names.length > 1 ? `(${names.join(' ')})` : '';
  const description = option.description.replace(/[[\]:\\]/g, '\\$&');
  const action = {
    none: '',
    optional: `::${valueName}: `,
    path: `:${valueName}:_files`,
    folder: `:${valueName}:_files -/`,
    other: `:${valueName}: `,
  };
  const rest = `[${description}]${action[value]}`;
  if (names.length === 1) return quote(repeat + names.join('') + rest);
  return `${quote(repeat + exclusion)}{${names.join(',')}}${quote(rest)}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
