import { access, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { initText } from '../stack/init.ts';
import type { CommandContext } from '../command/context.ts';
import { readNamed } from '../stack/regular-file.ts';

const names = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'];

/** Adds x-horme to the Compose file that is there, or writes a starter. A second run changes nothing. */
export async function run(context: CommandContext): Promise<void> {
  const directory = resolve(context.options.projectDirectory ?? '.');
  const found = context.options.files[0] ?? (await firstThere(directory));
  const path = resolve(directory, found ?? 'compose.yaml');
  const before = found === undefined ? undefined : (await readNamed(path, 'the Compose file')).toString('utf8');
  const text = initText(before, { name: projectName(directory) });
  if (text === before) context.print(`${path} has x-horme already`);
  else {
    await writeFile(path, text);
    context.print(`${before === undefined ? 'wrote a starter' : 'added x-horme to'} ${path}`);
  }
  context.print('next: horme check');
  context.result({ schema: 'horme.init/1', path, changed: text !== before });
}

async function firstThere(directory: string): Promise<string | undefined> {
  for (const name of names) {
    const there = await access(join(directory, name)).then(
      () => true,
      () => false,
    );
    if (there) return name;
  }
  return undefined;
}

/** As Compose derives a project's name from its folder. */
function projectName(directory: string): string {
  const name = basename(directory)
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '');
  return name === '' ? 'app' : name;
}
