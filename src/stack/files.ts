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
  /** The `.env` of the working directory. Read after the project directory's own, if it is another file. */
  dotEnv: string;
}

export interface Place {
  /** The working directory, or `--project-directory`. */
  directory: string;
  /** Whether the user named the folder: then it is the base of relative paths instead of the first file's folder. */
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

/** The override file that Compose would read without `-f`. Horme ignores it, since it is meant for development. */
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
  // Files named by the shell, or in the working directory, are the user's choice. The project's own must be inside the
  // project.
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

/** Checks a file that Compose reads by itself: it must be inside the project and not too large. */
export async function readableInside(path: string, directory: string): Promise<Diagnostic | undefined> {
  const place = { file: relative(directory, path), line: 0, column: 0, path: '' };
  if (!(await isInside(directory, path))) {
    return { ...place, message: 'leads outside the project directory', mend: 'copy what it links to' };
  }
  const read = await readText(path);
  return 'problem' in read ? { ...place, message: read.problem, mend: read.mend } : undefined;
}

export async function exists(path: string): Promise<boolean> {
  // Synchronous, since the thread pool takes longer than the call, and a command makes a dozen of these.
  return existsSync(path);
}
