import { join, resolve } from 'node:path';
import { composeConfig, undoubled } from '../engine/compose-config.ts';
import { mapping } from './extensions.ts';
import { readText } from './source.ts';

/** Files from the shell's COMPOSE_FILE; undefined: not set. */
export function filesOfShell(environment: NodeJS.ProcessEnv, directory: string): string[] | undefined {
  return listed(environment['COMPOSE_FILE'], environment['COMPOSE_PATH_SEPARATOR'], directory);
}

/** Files that replace `.env`, as `--env-file` of Compose does. */
export function environmentFilesOfShell(environment: NodeJS.ProcessEnv, directory: string): string[] | undefined {
  return listed(environment['COMPOSE_ENV_FILES'], ',', directory);
}

export const ignoresDotEnv = (environment: NodeJS.ProcessEnv) =>
  /^(?:1|t|true)$/i.test(environment['COMPOSE_DISABLE_ENV_FILE'] ?? '');

function listed(value: string | undefined, separator: string | undefined, directory: string): string[] | undefined {
  const paths = (value ?? '').split(separator === undefined || separator === '' ? ':' : separator).filter(Boolean);
  return paths.length === 0 ? undefined : paths.map((path) => resolve(directory, path));
}

/** `COMPOSE_FILE` from a folder's `.env`. Compose itself parses it, because of its rules for quotes and variables. */
export async function filesOfDotEnv(
  folder: string,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<string[] | undefined> {
  const text = await dotEnvText(folder, environment);
  if (!text.includes('COMPOSE_FILE')) return undefined;
  const asked = ['COMPOSE_FILE', 'COMPOSE_PATH_SEPARATOR'];
  const { document } = await composeConfig({
    ...{ files: [], projectDirectory: folder, projectName: 'horme', profiles: [], envFiles: [] },
    ...{ serviceExtensions: false, env: environment, signal },
    overlay: JSON.stringify({
      services: { none: { image: 'none' } },
      'x-asked': Object.fromEntries(asked.map((name) => [name, `\${${name}-}`])),
    }),
  });
  const told = mapping(undoubled(document?.['x-asked'])) as Record<string, string | undefined>;
  return listed(told['COMPOSE_FILE'], told['COMPOSE_PATH_SEPARATOR'], folder);
}

/** Warns that `COMPOSE_PROJECT_NAME` is ignored: it would give all environments the same name. */
export async function projectNameWarnings(
  folder: string,
  environment: NodeJS.ProcessEnv,
  project: string,
): Promise<string[]> {
  const inFile = /^\s*(?:export\s+)?COMPOSE_PROJECT_NAME\s*[=:]/m.test(await dotEnvText(folder, environment));
  const shell = environment['COMPOSE_PROJECT_NAME'];
  if (!inFile && (shell ?? project) === project) return [];
  return [
    `COMPOSE_PROJECT_NAME is not read: the project is ${project}; \`name:\` in the Compose file names the application`,
  ];
}

/** Errors are ignored here; the later, full read reports a large or unreadable file. */
async function dotEnvText(folder: string, environment: NodeJS.ProcessEnv): Promise<string> {
  if (ignoresDotEnv(environment) || environment['COMPOSE_ENV_FILES']) return '';
  const read = await readText(join(folder, '.env'));
  return 'text' in read ? read.text : '';
}
