// Writes the pages of docs/ that come from the code: the commands, the keys of x-horme, the JSON Schema for editors.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { CommandDeclaration, OptionDeclaration } from '../src/command/declaration.ts';
import { commands, globalOptions } from '../src/commands/index.ts';
import { composeKeys } from '../src/stack/compose-keys.ts';
import { parts } from '../src/parts/index.ts';
import { loadKeys } from '../src/stack/part-key.ts';
import { jsonSchema, referencePage } from '../src/stack/json-schema.ts';

const folder = new URL('../docs/', import.meta.url);

/** The generated files by their name in docs/. */
export async function referencePages(): Promise<Record<string, string>> {
  const keys = await loadKeys(parts);
  return {
    'commands.md': commandsPage(),
    'compose-keys.md': composeKeysPage(),
    'reference.md': `${referencePage(keys).trimEnd()}\n`,
    'horme.schema.json': `${JSON.stringify(jsonSchema(keys), null, 2)}\n`,
  };
}

/** Those in docs/ that are not what the code says now. */
export async function stalePages(): Promise<string[]> {
  const pages = Object.entries(await referencePages());
  const written = await Promise.all(pages.map(([name]) => readFile(new URL(name, folder), 'utf8').catch(() => '')));
  return pages.filter(([, text], index) => text !== written[index]).map(([name]) => name);
}

function commandsPage(): string {
  return [
    '# Commands',
    '',
    'Generated from `src/commands/index.ts`. `horme <command> --help` prints the same. The exit codes are in the [README](../README.md#exit-codes).',
    '',
    '## Options of every command',
    '',
    'They stand before the command or after it.',
    '',
    ...optionTable(globalOptions),
    '',
    ...commands.flatMap(commandSection),
  ]
    .join('\n')
    .replace(/\n+$/, '\n');
}

function composeKeysPage(): string {
  return [
    '# Keys of the Compose Specification',
    '',
    'Generated from `src/stack/compose-keys.ts`; a test compares it with the JSON Schema of the specification. What is below a key goes the way of that key. Keys that begin with `x-` are yours.',
    '',
    '- **passed on**: to Compose, as it is written',
    '- **honoured**: by Horme',
    '- **told**: read neither here nor by `docker compose up`; a warning says what is done instead',
    '- **refused**: a mistake of the file, with what mends it',
    '',
    'A key that the installed Compose does not know is refused by Compose.',
    '',
    ...composeKeys.flatMap(({ title, keys }) => [
      `## ${title}`,
      '',
      '| key | | |',
      '|---|---|---|',
      ...Object.entries(keys).map(([key, { kind, text }]) => `| \`${key}\` | ${kind} | ${text} |`),
      '',
    ]),
  ]
    .join('\n')
    .replace(/\n+$/, '\n');
}

function commandSection(command: CommandDeclaration): string[] {
  const own = command.options ?? [];
  const words = ['horme', command.name, ...(own.length > 0 ? ['[options]'] : []), ...argumentNames(command)];
  return [
    `## ${command.name}`,
    '',
    `${command.summary.charAt(0).toUpperCase()}${command.summary.slice(1)}.`,
    '',
    '```sh',
    words.join(' '),
    ...(command.example === words.join(' ') ? [] : [`${command.example}   # an example`]),
    '```',
    '',
    ...(own.length > 0 ? [...optionTable(own), ''] : []),
    ...takenNotes(own),
  ];
}

const argumentNames = (command: CommandDeclaration) => (command.arguments ?? []).map(({ name }) => name);

function optionTable(options: readonly OptionDeclaration[]): string[] {
  return ['| option | |', '|---|---|', ...options.map(({ flags, description }) => `| \`${flags}\` | ${description} |`)];
}

/** A command's own short option hides a global one of the same letter. */
function takenNotes(own: readonly OptionDeclaration[]): string[] {
  return own.flatMap(({ flags }) => {
    const [, short, long] = /^(-\w), (--[\w-]+)/.exec(flags) ?? [];
    const hidden = globalOptions.find((option) => short !== undefined && option.flags.startsWith(`${short}, `));
    if (!hidden) return [];
    const [name] = /--[\w-]+/.exec(hidden.flags) ?? [];
    return [`Here \`${short}\` is \`${long}\`; \`${name}\` keeps its long name.`, ''];
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, text] of Object.entries(await referencePages())) await writeFile(new URL(name, folder), text);
}
