import { homedir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { exitCodes, OperatorError } from '../errors.ts';
import { DeadlineExceeded, findProgram, isExecutable, ProgramMissing, run } from './process.ts';
import { remembered } from './remembered.ts';
import { isOlder, shown, versionOf, versions } from './versions.ts';

export interface ComposeConfigOptions {
  /** Absolute paths, in Compose's order: later ones override. */
  files: string[];
  projectDirectory: string;
  projectName: string;
  profiles: string[];
  envFiles: string[];
  /** Content of one more file, read last, from standard input. */
  overlay?: string;
  /** Whether a service has an `x-` key: these need a second process, which runs in parallel. */
  serviceExtensions: boolean;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

export interface ComposeConfigResult {
  exitCode: number;
  /**
   * The document; undefined if Compose refused the files. `$` in values is doubled, as in a Compose file, except in
   * `x-horme`, which is not passed to Compose again.
   */
  document: Record<string, unknown> | undefined;
  /** `x-horme` of each service, `$` not doubled. Compose's JSON leaves extensions of services out; its YAML has them. */
  extensions: Record<string, unknown>;
  /** What Compose said, a line each, without its log decoration. */
  messages: string[];
}

/**
 * Measured with Compose 2.26.1: 5,000 services take 190 MB and 1.9 s. Below 1.6 GiB of address space Go may fail to
 * start. A nine-level alias bomb reaches a 2 GB limit after 33 s, and a 4 GB one after 53 s. So the deadline ends a
 * bomb, and the limit protects the machine until then.
 */
const memoryBytes = 3 * 1024 ** 3;
const deadlineSeconds = 20;
const { oldest } = versions['Docker Compose'];

/**
 * Runs `docker compose config`, which needs no engine. The version check runs in parallel and is awaited before the
 * result is used.
 */
export async function composeConfig(options: ComposeConfigOptions): Promise<ComposeConfigResult> {
  const checked = composeCommand(options.env);
  const argv = [...(await commandFor(options.env).found), ...configArguments(options)];
  const execute = (format: string) => limitedRun([...argv, 'config', '--format', format], options);
  const asked = Promise.all([execute('json'), options.serviceExtensions ? execute('yaml') : undefined]);
  asked.catch(() => undefined);
  await checked;
  const [json, yaml] = await asked;
  const messages = json.stderr.split('\n').filter(Boolean).map(plainMessage);
  if (json.exitCode !== 0) return { exitCode: json.exitCode, document: undefined, extensions: {}, messages };
  const document = JSON.parse(json.stdout) as Record<string, unknown>;
  const services = (document['services'] ?? {}) as Record<string, Record<string, unknown>>;
  // Newer versions include the services' extensions in their JSON.
  for (const place of [document, ...Object.values(services)])
    if ('x-horme' in place) place['x-horme'] = undoubled(place['x-horme']);
  Object.values(services).forEach(readable);
  const extensions = yaml === undefined ? {} : serviceExtensions(yaml.stdout);
  return { exitCode: 0, document, extensions: undoubled(extensions) as Record<string, unknown>, messages };
}

/** Compose 2.26 prints device limits as `Path` and `Rate`, but refuses these keys as input. */
function readable(service: Record<string, unknown>): void {
  const limits = (service['blkio_config'] ?? {}) as Record<string, unknown>;
  for (const [key, devices] of Object.entries(limits)) {
    if (!Array.isArray(devices)) continue;
    limits[key] = devices.map((device: Record<string, unknown>) =>
      Object.fromEntries(Object.entries(device).map(([name, value]) => [name.toLowerCase(), value])),
    );
  }
}

/** Undoes the doubling of `$` in Compose's output. */
export function undoubled(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('$$', '$');
  if (Array.isArray(value)) return value.map(undoubled);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, undoubled(inner)]));
}

function configArguments(options: ComposeConfigOptions): string[] {
  return [
    ...options.files.flatMap((file) => ['-f', file]),
    ...(options.overlay === undefined ? [] : ['-f', '-']),
    ...['--project-directory', options.projectDirectory, '-p', options.projectName],
    ...options.profiles.flatMap((profile) => ['--profile', profile]),
    ...options.envFiles.flatMap((file) => ['--env-file', file]),
  ];
}

async function limitedRun(argv: string[], options: ComposeConfigOptions) {
  const { env, signal, overlay } = options;
  const input = overlay === undefined ? {} : { input: overlay };
  return run(argv, { env, signal, ...input, deadlineSeconds, memoryBytes }).catch((error: unknown) => {
    if (!(error instanceof DeadlineExceeded)) throw error;
    throw new OperatorError(`docker compose config was still busy after ${deadlineSeconds} s and was killed`, {
      code: 'compose-config-deadline',
      exitCode: exitCodes.usage,
      lastSeen: error.stderr.slice(-2000),
      next: 'take anchors, includes and services out of the Compose file until it is read; 5,000 services take 2 s here',
      cause: error,
    });
  });
}

/** `time="…" level=warning msg="The \"X\" variable…"` → `The "X" variable…`. */
function plainMessage(line: string): string {
  const message = /\bmsg="((?:[^"\\]|\\.)*)"/.exec(line)?.[1];
  return message === undefined ? line : message.replaceAll(/\\(.)/g, '$1');
}

/** Parses only the needed lines: parsing the YAML of 500 services takes longer than Compose takes to print it. */
export function serviceExtensions(text: string): Record<string, unknown> {
  const kept: string[] = [];
  let section = false;
  let extension = false;
  for (const line of text.split('\n')) {
    const indent = /^ *(?=\S)/.exec(line)?.[0].length;
    if (indent === 0) section = line.startsWith('services:');
    if (!section) continue;
    if (indent !== undefined && indent <= 4) extension = indent === 4 && line.startsWith('    x-horme:');
    if (extension || indent === 0 || indent === 2) kept.push(line);
  }
  const document = parse(kept.join('\n'), { maxAliasCount: 0 }) as { services?: Record<string, unknown> | null } | null;
  return pick(document?.services ?? {});
}

function pick(services: Record<string, unknown>): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(services)) {
    if (typeof value !== 'object' || value === null || !('x-horme' in value)) continue;
    found[name] = value['x-horme'] ?? {};
  }
  return found;
}

interface Command {
  found: Promise<string[]>;
  /** The same argv, once the version is known to be supported. */
  checked: Promise<string[]>;
}

const commands = new Map<string, Command>();

/**
 * The argv before Compose's own arguments. If the plugin is found, it is called directly: it starts in half the time of
 * `docker compose`, which first queries every plugin.
 */
export const composeCommand = (env: NodeJS.ProcessEnv = process.env): Promise<string[]> => commandFor(env).checked;

function commandFor(env: NodeJS.ProcessEnv): Command {
  const key = `${env['PATH']}\n${env['DOCKER_CONFIG']}\n${env['HOME']}`;
  const known = commands.get(key);
  if (known !== undefined) return known;
  const found = findCommand(env);
  const checked = found.then((argv) => checkedVersion(argv, env));
  commands.set(key, { found, checked });
  checked.catch(() => commands.delete(key));
  return { found, checked };
}

async function findCommand(env: NodeJS.ProcessEnv): Promise<string[]> {
  for (const folder of pluginFolders(env)) {
    const plugin = join(folder, 'docker-compose');
    if (await isExecutable(plugin)) return [plugin];
  }
  const docker = await findProgram('docker', env['PATH'] ?? '');
  if (docker === undefined) throw missing('neither the docker command nor its Compose plugin is installed');
  return [docker, 'compose'];
}

function pluginFolders(env: NodeJS.ProcessEnv): string[] {
  const home = env['DOCKER_CONFIG'] ?? join(env['HOME'] ?? homedir(), '.docker');
  const system = ['/usr/local/lib', '/usr/local/libexec', '/usr/lib', '/usr/libexec'];
  return [home, ...system.map((folder) => join(folder, 'docker'))].map((folder) => join(folder, 'cli-plugins'));
}

/** Compose's version string, such as `2.40.3-3`. */
export async function composeVersion(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  return askVersion(await composeCommand(env), env);
}

async function askVersion(argv: string[], env: NodeJS.ProcessEnv): Promise<string> {
  const result = await run([...argv, 'version', '--short'], { env, deadlineSeconds: 10 }).catch((error: unknown) => {
    if (error instanceof DeadlineExceeded || error instanceof ProgramMissing) throw missing(error.message, error);
    throw error;
  });
  if (result.exitCode !== 0 || versionOf(result.stdout) === undefined)
    throw missing('the docker command has no Compose plugin', undefined, result.stderr.trim());
  return result.stdout.trim();
}

async function checkedVersion(argv: string[], env: NodeJS.ProcessEnv): Promise<string[]> {
  const [plugin = '', ...words] = argv;
  const ask = () => askVersion(argv, env);
  // If the docker command finds the plugin itself, its file is unknown, so its version can't be cached.
  const said = words.length === 0 ? await remembered(plugin, ask) : await ask();
  const version = versionOf(said);
  if (version === undefined || isOlder(version, oldest))
    throw missing(`Docker Compose ${said} is too old: Horme needs ${shown(oldest)} or newer`);
  return argv;
}

function missing(message: string, cause?: unknown, lastSeen?: string): OperatorError {
  return new OperatorError(message, {
    code: 'compose-missing',
    exitCode: exitCodes.checkFailed,
    next: `install the package docker-compose-plugin (Docker’s repositories) or docker-compose ${shown(oldest)} or newer (Debian trixie, Ubuntu)`,
    ...(lastSeen === undefined ? {} : { lastSeen }),
    cause,
  });
}
