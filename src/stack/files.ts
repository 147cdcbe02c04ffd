import { existsSync } from 'node:fs';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
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
}

/** Like Compose: the files that were named, or the first known name in this folder or the nearest one above. */
export async function findBaseFiles(
  directory: string,
  files: readonly string[] | undefined,
  environment: NodeJS.ProcessEnv,
): Promise<BaseFiles | undefined> {
  const root = resolve(directory);
  const named = files ?? composeFileVariable(environment);
  if (named !== undefined && named.length > 0) {
    return { directory: root, files: named.map((file) => resolve(root, file)), named: true };
  }
  for (let folder = root; ; folder = dirname(folder)) {
    for (const name of names) {
      if (await exists(join(folder, name))) return { directory: folder, files: [join(folder, name)], named: false };
    }
    if (dirname(folder) === folder) return undefined;
  }
}

function composeFileVariable(environment: NodeJS.ProcessEnv): string[] | undefined {
  const value = environment['COMPOSE_FILE'];
  return value === undefined || value === '' ? undefined : value.split(environment['COMPOSE_PATH_SEPARATOR'] ?? ':');
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
  directory: string,
  environment: string,
): Promise<{ files: string[]; diagnostics: Diagnostic[] }> {
  const files: string[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const name of ['.env', `.env.${environment}`]) {
    const path = join(directory, name);
    if (!(await exists(path))) continue;
    files.push(path);
    const problem = await readableInside(path, directory);
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
