import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { backupOptions } from './backup.ts';
import { isInside } from './contained.ts';
import { cacheOptions, databaseFindings, databaseOptions } from './database.ts';
import { buildEnvironment } from './environment.ts';
import { mapping } from './extensions.ts';
import { fileVariables, variablesKey } from './file-variables.ts';
import { contextFindings } from './inactive.ts';
import { refusedKeys, toldKeys } from './key-findings.ts';
import type { Finding } from './locate.ts';
import { conflicts, impliedRoute, isTcp, routesOf } from './routes.ts';
import { safetyFindings } from './safety.ts';
import type { Allowance, ServiceExtension, StackExtension } from './schema.ts';
import { strayedSecrets } from './secret-variables.ts';
import { buildService, inDependencyOrder } from './services.ts';
import type { BuiltService } from './services.ts';
import { readText } from './source.ts';
import type { Environment, Route, Service, Stack } from './stack.ts';
import type { ComposeModel, ComposeService } from '../engine/compose-model.ts';
import { parseServiceExtension, parseStackExtension } from './validate.ts';

export interface AssembleInput {
  /** What `docker compose config` printed. */
  document: Record<string, unknown>;
  /** `x-horme` of the services, where the document has none. */
  extensions: Record<string, unknown>;
  name: string;
  environmentName: string;
  directory: string;
  files: string[];
  variables: NodeJS.ProcessEnv;
}

export interface Assembled {
  /** Undefined when the extension could not be read at all. */
  stack: Stack | undefined;
  findings: Finding[];
}

interface Candidate {
  name: string;
  definition: ComposeService;
  extension: ServiceExtension;
  routes: Route[];
  awaited: boolean;
}

/** From Compose's merged document to what the user wants, with everything that is wrong with it. */
export async function assemble(input: AssembleInput): Promise<Assembled> {
  const { model, raw } = separated(input);
  const stackExtension = parseStackExtension(input.document['x-horme']);
  const services = parsedServices(model, raw);
  const allowances = new Map(
    Object.entries(services.extensions).map(([name, { allow }]) => [name, allow ?? ([] as Allowance[])]),
  );
  const findings = [
    ...stackExtension.findings,
    ...services.findings,
    ...(await safetyFindings({ model, directory: input.directory, allowances })),
    ...refusedKeys(model),
    ...contextFindings(model),
  ];
  if (stackExtension.value === undefined) return { stack: undefined, findings };
  const completed = await complete(input, model, stackExtension.value, services.extensions);
  return { stack: completed.stack, findings: [...findings, ...completed.findings] };
}

async function complete(
  input: AssembleInput,
  model: ComposeModel,
  extension: StackExtension,
  extensions: Record<string, ServiceExtension>,
): Promise<{ stack: Stack; findings: Finding[] }> {
  const built = buildEnvironment(input.environmentName, input.name, extension.environments[input.environmentName]);
  const { environment } = built;
  const domains = Object.values(extension.environments).flatMap(({ domain }) => domain ?? []);
  const routing = routed(model, extensions, environment, domains);
  const { directory } = input;
  const services = routing.candidates.map((candidate) =>
    buildService({ ...candidate, directory, deploy: extension.deploy }),
  );
  // `required: false` may name a service that no active profile has.
  for (const { service } of services)
    service.dependsOn = service.dependsOn.filter(({ service: name }) => name in model.services);
  const { variables } = input;
  const backup = await backupOptions(extension.backup, { directory, model, variables });
  const page = await maintenancePage(extension.edge.maintenancePage, input.directory);
  const ordered = inDependencyOrder(services.map(({ service }) => service));
  const finished = {
    ...model,
    services: Object.fromEntries(ordered.map(({ name, definition }) => [name, definition])),
  };
  const stack: Stack = {
    name: input.name,
    environment,
    project: `${input.name}-${environment.name}`,
    directory: input.directory,
    files: input.files,
    services: ordered,
    model: finished,
    fileVariables: fileVariables(input.document),
    database: databaseOptions(extension.database, backup.backup !== undefined),
    cache: cacheOptions(extension.cache),
    backup: backup.backup,
    maintenancePage: page.content,
    maxBodyBytes: extension.edge.maxBody,
    watchSeconds: extension.deploy.watch,
    sourceProblems: [],
    warnings: [...routing.warnings, ...services.flatMap(({ warnings }) => warnings), ...toldKeys(model)],
  };
  const findings = [
    ...built.findings,
    ...page.findings,
    ...backup.findings,
    ...conflicts(ordered),
    ...stackFindings(stack, extensions, services),
    ...databaseFindings(stack.database),
    ...(await migrationFindings(ordered, input.directory)),
  ];
  return { stack, findings };
}

function stackFindings(stack: Stack, extensions: Record<string, ServiceExtension>, built: BuiltService[]): Finding[] {
  const written = Object.entries(extensions).map(([name, { migrate }]) => [name, { 'x-horme': { migrate } }]);
  return [
    ...built.flatMap(({ findings }) => findings),
    ...edgePortFindings(stack),
    ...strayedSecrets(stack.model),
    ...strayedSecrets({ services: Object.fromEntries(written) as unknown }),
    ...(stack.services.length === 0 ? [noServices] : []),
  ];
}

/** The linter reads them, and what lies outside the project is not the project's to read. */
async function migrationFindings(services: Service[], directory: string): Promise<Finding[]> {
  const findings = services.map(async ({ name, migrations }): Promise<Finding[]> => {
    if (migrations === undefined) return [];
    const path = ['services', name, 'x-horme', 'migrations'];
    if (!(await isInside(directory, migrations)))
      return [{ path, message: 'it leads outside the project directory', mend: 'keep the migrations in the project' }];
    const isFolder = await stat(migrations).then(
      (found) => found.isDirectory(),
      () => false,
    );
    return isFolder ? [] : [{ path, message: 'there is no such folder', mend: 'name the folder of the SQL files' }];
  });
  return (await Promise.all(findings)).flat();
}

const noServices: Finding = {
  path: ['services'],
  message: 'no service is active',
  mend: 'add one, or name a profile with --profile',
};

/** The document without `x-horme`, which is handed back apart. */
function separated({ document, extensions }: AssembleInput): { model: ComposeModel; raw: Record<string, unknown> } {
  const { 'x-horme': _own, [variablesKey]: _variables, services, ...rest } = document;
  const raw: Record<string, unknown> = {};
  const cleaned: Record<string, ComposeService> = {};
  for (const [name, service] of Object.entries(mapping(services))) {
    const { 'x-horme': extension, ...definition } = mapping(service);
    raw[name] = extension ?? extensions[name];
    cleaned[name] = definition;
  }
  return { model: { ...rest, services: cleaned } as ComposeModel, raw };
}

function parsedServices(model: ComposeModel, raw: Record<string, unknown>) {
  const findings: Finding[] = [];
  const extensions: Record<string, ServiceExtension> = {};
  for (const name of Object.keys(model.services)) {
    const parsed = parseServiceExtension(name, raw[name]);
    findings.push(...parsed.findings);
    extensions[name] = parsed.value ?? {};
  }
  return { extensions, findings };
}

function routed(
  model: ComposeModel,
  extensions: Record<string, ServiceExtension>,
  environment: Environment,
  domains: string[],
): { candidates: Candidate[]; warnings: string[] } {
  const awaited = awaitedServices(model);
  const candidates = Object.entries(model.services).map(([name, definition]): Candidate => {
    const extension = extensions[name] ?? {};
    return {
      name,
      definition,
      extension,
      routes: routesOf(extension, environment, domains),
      awaited: awaited.has(name),
    };
  });
  if (candidates.some(({ routes }) => routes.length > 0)) return { candidates, warnings: [] };
  const stays = candidates.filter(({ extension, name }) => !(extension.job ?? awaited.has(name)));
  const implied = impliedRoute(stays);
  if (implied === undefined) {
    return {
      candidates,
      warnings: [
        'no service has a route: the edge has nothing to serve (x-horme: { route: { port: 8080 } } on a service adds one)',
      ],
    };
  }
  const health = extensions[implied.name]?.health;
  const route = { host: environment.domain, path: '/', port: implied.port, ...(health && { health }) };
  return {
    candidates: candidates.map((candidate) =>
      candidate.name === implied.name ? { ...candidate, routes: [route] } : candidate,
    ),
    warnings: [],
  };
}

function awaitedServices(model: ComposeModel): Set<string> {
  const dependencies = Object.values(model.services).flatMap(({ depends_on: dependsOn }) =>
    Object.entries(dependsOn ?? {}),
  );
  return new Set(
    dependencies.filter(([, { condition }]) => condition === 'service_completed_successfully').map(([name]) => name),
  );
}

/** The edge could not start. */
function edgePortFindings({ services, environment }: Stack): Finding[] {
  const taken = new Set([environment.ports.http, environment.ports.https].map(String));
  return services.flatMap(({ name, definition }) =>
    (definition.ports ?? [])
      .filter((port) => isTcp(port) && port.published !== undefined && taken.has(port.published))
      .map(({ published }) => ({
        path: ['services', name, 'ports'],
        message: `port ${published} of the host is the edge's`,
        mend: `route the service, or move the edge: x-horme.environments.${environment.name}.ports`,
        hint: String(published),
      })),
  );
}

async function maintenancePage(
  path: string | undefined,
  directory: string,
): Promise<{ content: string | undefined; findings: Finding[] }> {
  if (path === undefined) return { content: undefined, findings: [] };
  const place = ['x-horme', 'edge', 'maintenancePage'];
  const file = resolve(directory, path);
  if (!(await isInside(directory, file))) {
    const finding = {
      path: place,
      message: `${path} leads outside the project directory`,
      mend: 'copy it into the project',
    };
    return { content: undefined, findings: [finding] };
  }
  const read = await readText(file);
  if ('text' in read) return { content: read.text, findings: [] };
  return { content: undefined, findings: [{ path: place, message: `${path}: ${read.problem}`, mend: read.mend }] };
}
