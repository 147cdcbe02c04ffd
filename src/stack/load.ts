import { basename, dirname, relative, resolve } from 'node:path';
import { composeCommand, composeConfig } from '../engine/compose-config.ts';
import { exitCodes, OperatorError } from '../errors.ts';
import { buildFindings } from './build-sources.ts';
import { composeProblems, unsetVariables } from './compose-problems.ts';
import { projectNameWarnings } from './compose-variables.ts';
import { ConfigurationError } from './diagnostics.ts';
import type { Diagnostic } from './diagnostics.ts';
import { chooseEnvironment, localDomain, localEnvironment } from './environment.ts';
import { mapping, rawExtensions, toMapping } from './extensions.ts';
import type { RawExtensions } from './extensions.ts';
import { environmentFiles, findBaseFiles, overrideFiles, readableInside, unusedOverride } from './files.ts';
import type { BaseFiles } from './files.ts';
import { variablesDocument } from './file-variables.ts';
import { guardFiles } from './guard.ts';
import type { Guarded } from './guard.ts';
import { inactiveBuilders } from './inactive.ts';
import { locate } from './locate.ts';
import type { Finding } from './locate.ts';
import { stackNamePattern } from './patterns.ts';
import { loadKeys, type KeyReaders, type StackPart } from './part-key.ts';
import type { SourceFile } from './source.ts';
import type { Stack } from './stack.ts';

export interface LoadOptions {
  /** Where Compose would look; files are resolved from here. */
  directory: string;
  /** Whether the user named the directory; else it is the first file's, where files are named. */
  directoryNamed?: boolean;
  /** As `-f`: then exactly these are read. */
  files?: string[];
  environment?: string;
  /** In addition to the environment's own. */
  profiles?: string[];
  processEnvironment: NodeJS.ProcessEnv;
  parts: readonly StackPart[];
  signal: AbortSignal;
  /** Called once the files told which project it is and where, before Compose has read them. What it gives is waited for, no longer than for Compose. */
  onNamed?: (named: Named) => Promise<unknown> | undefined;
}

export interface Named {
  project: string;
  /** As it is written: a name with a variable in it is not known yet. */
  context: unknown;
}

/** Reads the user's files. Throws `ConfigurationError` with every problem that could be found. */
export async function loadStack(options: LoadOptions): Promise<Stack> {
  warmUp(options.processEnvironment);
  const base = await findBaseFiles({
    ...{ directory: options.directory, directoryNamed: options.directoryNamed ?? true, files: options.files },
    ...{ environment: options.processEnvironment, signal: options.signal },
  });
  if (base === undefined) throw noComposeFile(options.directory);
  const prepared = await prepare(base, options);
  const { sources, included } = prepared.guarded;
  const everything = [...included, ...sources];
  const reading = composeConfig(configOptions(prepared, base, options));
  const [config, { assemble, keys }] = await Promise.all([reading, whileComposeWorks(reading, prepared, options)]);
  if (config.document === undefined) {
    const raw = (await rawFindings(prepared.raw, keys)).map((finding) => locate(sources, finding));
    throw new ConfigurationError([...composeProblems(config.messages, everything), ...raw]);
  }
  const unset = unsetVariables(config.messages, everything);
  const built = await assemble({
    document: config.document,
    extensions: prepared.raw.askCompose ? config.extensions : prepared.raw.services,
    name: prepared.name,
    environmentName: prepared.environment,
    directory: base.directory,
    files: prepared.files,
    variables: options.processEnvironment,
    parts: options.parts,
    keys,
  });
  const diagnostics = [...unset, ...built.findings.map((finding) => locate(everything, finding))];
  const sourceProblems = (await buildFindings(built.stack?.services ?? [], base.directory)).map((finding) =>
    locate(everything, finding),
  );
  if (diagnostics.length > 0 || built.stack === undefined)
    throw new ConfigurationError([...diagnostics, ...sourceProblems]);
  const inactive = inactiveBuilders(built.stack.model, everything);
  return { ...built.stack, sourceProblems, warnings: [...prepared.warnings, ...inactive, ...built.stack.warnings] };
}

/** The plugin tells its version while the files are being read; who fails here fails again, with the words, further down. */
function warmUp(environment: NodeJS.ProcessEnv): void {
  composeCommand(environment).catch(() => undefined);
}

/** Compose is started before the next turn, and the other processor has nothing to do. */
async function whileComposeWorks(reading: Promise<unknown>, prepared: Prepared, { onNamed, parts }: LoadOptions) {
  await nextTurn();
  const asked = onNamed?.({ project: projectOf(prepared), context: declaredOf(prepared)['context'] });
  // What the answer leads to is sent first: making a good deal of the program ready keeps everything else waiting.
  await Promise.race([asked, reading]).catch(() => undefined);
  await nextTurn();
  const [{ assemble }, keys] = await Promise.all([import('./assemble.ts'), loadKeys(parts)]);
  return { assemble, keys };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

interface Prepared {
  name: string;
  environment: string;
  files: string[];
  envFiles: string[];
  guarded: Guarded;
  raw: RawExtensions;
  warnings: string[];
}

/** All that happens before Compose may see a file. */
async function prepare(base: BaseFiles, options: LoadOptions): Promise<Prepared> {
  const first = await guardFiles(base.files, base.directory);
  refuse(first.diagnostics);
  const name = stackName(first.sources, base.directory);
  const declared = mapping(rawExtensions(first.sources, []).stack['environments']);
  const environment = chooseEnvironment(options.environment, Object.keys(declared), options.processEnvironment);
  const early = [name, environment].filter((part) => typeof part === 'object');
  if (typeof name === 'object' || typeof environment === 'object') {
    const raw = await rawFindings(rawExtensions(first.sources, first.included), await loadKeys(options.parts));
    throw new ConfigurationError([...early, ...raw].map((finding) => locate(first.sources, finding)));
  }
  const overrides = await overrideFiles(base, environment);
  const files = [...base.files, ...overrides];
  const guarded = overrides.length === 0 ? first : await guardFiles(files, base.directory);
  const variables = await environmentFiles(base, environment, options.processEnvironment);
  const named = await Promise.all(guarded.environmentFiles.map((path) => existingProblem(path, base.directory)));
  refuse([...guarded.diagnostics, ...variables.diagnostics, ...named.flat()]);
  const raw = rawExtensions(guarded.sources, guarded.included);
  const warnings = [
    ...(await overrideWarnings(base, environment)),
    ...(await projectNameWarnings(dirname(base.dotEnv), options.processEnvironment, `${name}-${environment}`)),
  ];
  return { name, environment, files, envFiles: variables.files, guarded, raw, warnings };
}

/** A missing env_file is Compose's to judge: `required: false` allows it. */
async function existingProblem(path: string, directory: string): Promise<Diagnostic[]> {
  const problem = await readableInside(path, directory);
  return problem === undefined || problem.message === 'the file cannot be read' ? [] : [problem];
}

async function overrideWarnings(base: BaseFiles, environment: string): Promise<string[]> {
  const unused = await unusedOverride(base);
  if (unused === undefined) return [];
  return [
    `${unused} is not read, because it is for \`docker compose up\` by hand; name it compose.${environment}.yaml, or give it with -f`,
  ];
}

function refuse(diagnostics: Diagnostic[]): void {
  if (diagnostics.length > 0) throw new ConfigurationError(diagnostics);
}

/** Compose's rule: the last `name`, else the folder's, made fit. */
function stackName(sources: readonly SourceFile[], directory: string): string | Finding {
  const written = sources
    .map((source) => toMapping(source)['name'])
    .findLast((name) => name !== undefined && name !== null);
  const fitted = basename(directory)
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '');
  const name = written ?? fitted;
  if (typeof name === 'string' && stackNamePattern.test(name)) return name;
  return {
    path: ['name'],
    message: `${JSON.stringify(name)} is not a name for the application`,
    mend: 'write `name: shop`: up to 40 lower-case letters, digits, - and _, without variables',
  };
}

const projectOf = ({ name, environment }: Prepared) => `${name}-${environment}`;

const declaredOf = ({ raw, environment }: Prepared) => mapping(mapping(raw.stack['environments'])[environment]);

function configOptions(prepared: Prepared, base: BaseFiles, options: LoadOptions) {
  const declared = declaredOf(prepared);
  const profiles = Array.isArray(declared['profiles']) ? declared['profiles'].map(String) : [];
  return {
    files: prepared.files,
    projectDirectory: base.directory,
    projectName: projectOf(prepared),
    profiles: [...new Set([...profiles, ...(options.profiles ?? [])])],
    envFiles: prepared.envFiles,
    ...overlayOf(prepared),
    serviceExtensions: prepared.raw.askCompose,
    env: composeEnvironment(prepared, declared['domain'], options),
    signal: options.signal,
  };
}

function overlayOf({ raw, guarded }: Prepared): { overlay?: string } {
  const variables = variablesDocument([...guarded.sources, ...guarded.included]);
  if (raw.overlay === undefined && Object.keys(variables).length === 0) return {};
  return { overlay: JSON.stringify({ ...(JSON.parse(raw.overlay ?? '{}') as object), ...variables }) };
}

/** What Compose interpolates with: the platform's secrets are sentinels, which never become values in a file. */
function composeEnvironment(prepared: Prepared, domain: unknown, options: LoadOptions): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...options.processEnvironment };
  // They would choose files and a name against ours.
  for (const name of ['COMPOSE_FILE', 'COMPOSE_ENV_FILES', 'COMPOSE_PROJECT_NAME']) delete env[name];
  for (const { name: part, key } of options.parts)
    if (part in prepared.raw.stack) for (const { name, sentinel } of key?.variables ?? []) env[name] = sentinel;
  const implied = prepared.environment === localEnvironment ? localDomain(prepared.name) : undefined;
  const known = domain ?? implied;
  // A domain that is interpolated itself, perhaps from DOMAIN, is known only after Compose.
  if (typeof known === 'string' && !known.includes('$')) env['DOMAIN'] = known;
  return env;
}

/** What can be said of the extensions before Compose has interpolated them. */
async function rawFindings(raw: RawExtensions, keys: KeyReaders): Promise<Finding[]> {
  const { parseServiceExtension, parseStackExtension } = await import('./validate.ts');
  const services = Object.entries(raw.services);
  const findings = [
    ...parseStackExtension(raw.stack, keys).findings,
    ...services.flatMap(([name, extension]) => parseServiceExtension(name, extension).findings),
  ];
  const whole = {
    'x-horme': raw.stack,
    services: Object.fromEntries(services.map(([name, value]) => [name, { 'x-horme': value }])),
  };
  return findings.filter(({ path }) => !String(valueAt(whole, path)).includes('$'));
}

function valueAt(value: unknown, path: Finding['path']): unknown {
  return path.reduce<unknown>(
    (inner, step) => (inner as Record<string | number, unknown> | undefined | null)?.[step],
    value,
  );
}

function noComposeFile(directory: string): OperatorError {
  const place = relative(process.cwd(), resolve(directory)) || 'this folder';
  return new OperatorError(`there is no compose.yaml in ${place} or above it`, {
    code: 'no-compose-file',
    exitCode: exitCodes.usage,
    next: 'horme init writes one; -f and --project-directory name another',
  });
}
