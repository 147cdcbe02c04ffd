import { existsSync } from 'node:fs';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { environmentFilesOfShell, filesOfDotEnv, filesOfShell, ignoresDotEnv } from './compose-variables.ts';
import { isInside } from './contained.ts';
import type { Diagnostic } from './diagnostics.ts';
import { readText } from './source.ts';

/** Compose's own names, in its order. */
const names = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'];

export interface BaseFiles {
  /** The project directory. */
  directory: string;
  files: string[];
  /** Whether the user named the files: then, as with Compose, exactly these are read and no override is added. */
  named: boolean;
  /** Read after the project directory's own, where it is another one: it lies where the command was given. */
  dotEnv: string;
}

export interface Place {
  /** Where the command was given, or `--project-directory`. */
  directory: string;
  /** Whether the user named the folder: then relative paths begin there, and not at the first file. */
  directoryNamed: boolean;
  files: readonly string[] | undefined;
  environment: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

/** Like Compose: the files that were named, or the first known name in this folder or the nearest one above. */
export async function findBaseFiles(place: Place): Promise<BaseFiles | undefined> {
  const root = resolve(place.directory);
  const given = place.files?.map((file) => resolve(root, file)) ?? [];
  const named = given.length > 0 ? given : filesOfShell(place.environment, root);
  if (named) return namedFiles(place, root, named);
  for (let folder = root; ; folder = dirname(folder)) {
    const found = await firstExisting(folder, names);
    if (found !== undefined || folder === root) {
      const told = await filesOfDotEnv(folder, place.environment, place.signal);
      if (told) return namedFiles(place, folder, told);
    }
    if (found !== undefined) return { directory: folder, files: [found], named: false, dotEnv: join(folder, '.env') };
    if (dirname(folder) === folder) return undefined;
  }
}

function namedFiles({ directoryNamed }: Place, folder: string, files: string[]): BaseFiles {
  const directory = directoryNamed ? folder : dirname(files[0] ?? folder);
  return { directory, files, named: true, dotEnv: join(folder, '.env') };
}

async function firstExisting(folder: string, candidates: string[]): Promise<string | undefined> {
  for (const name of candidates) if (await exists(join(folder, name))) return join(folder, name);
  return undefined;
}

/** `compose.<environment>.yaml` (or `.yml`) beside the base file. */
export async function overrideFiles(base: BaseFiles, environment: string): Promise<string[]> {
  const [first] = base.files;
  if (base.named || first === undefined) return [];
  const stem = basename(first, extname(first));
  for (const ending of ['yaml', 'yml']) {
    const path = join(base.directory, `${stem}.${environment}.${ending}`);
    if (await exists(path)) return [path];
  }
  return [];
}

/** Compose would read it without `-f`; it is meant for a developer's machine. */
export async function unusedOverride(base: BaseFiles): Promise<string | undefined> {
  const [first] = base.files;
  if (base.named || first === undefined) return undefined;
  const stem = basename(first, extname(first));
  for (const name of [`${stem}.override.yaml`, `${stem}.override.yml`]) {
    if (await exists(join(base.directory, name))) return name;
  }
  return undefined;
}

/** `.env`, then `.env.<environment>`, which wins; both only for interpolation, as in Compose. */
export async function environmentFiles(
  base: BaseFiles,
  environment: string,
  shell: NodeJS.ProcessEnv,
): Promise<{ files: string[]; diagnostics: Diagnostic[] }> {
  const { directory } = base;
  const named = environmentFilesOfShell(shell, process.cwd()) ?? [];
  const plain = named.length > 0 || ignoresDotEnv(shell) ? [] : [join(directory, '.env')];
  // What the user's shell names, or where the user stands, is the user's choice; the project's own must stay inside it.
  const chosen = plain.length > 0 && base.dotEnv !== plain[0] ? [base.dotEnv] : named;
  const files: string[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const path of [...plain, ...chosen, join(directory, `.env.${environment}`)]) {
    if (!named.includes(path) && !(await exists(path))) continue;
    files.push(path);
    const folder = chosen.includes(path) ? dirname(path) : directory;
    const problem = await readableInside(path, folder);
    if (problem !== undefined) diagnostics.push(problem);
  }
  return { files, diagnostics };
}

/** Compose reads it by itself: it must be a file of moderate size inside the project. */
export async function readableInside(path: string, directory: string): Promise<Diagnostic | undefined> {
  const place = { file: relative(directory, path), line: 0, column: 0, path: '' };
  if (!(await isInside(directory, path))) {
    return { ...place, message: 'leads outside the project directory', mend: 'copy what it links to' };
  }
  const read = await readText(path);
  return 'problem' in read ? { ...place, message: read.problem, mend: read.mend } : undefined;
}

export async function exists(path: string): Promise<boolean> {
  // A turn through the thread pool takes longer than the look, and a command takes a dozen.
  return existsSync(path);
}
