import { stat } from 'node:fs/promises';
import { isInside } from './contained.ts';
import { buildEnvironment } from './environment.ts';
import { mapping } from './extensions.ts';
import { fileVariables, variablesKey } from './file-variables.ts';
import { contextFindings } from './inactive.ts';
import { refusedKeys, toldKeys } from './key-findings.ts';
import type { Finding } from './locate.ts';
import type { Built, KeyReaders, PartVariable, StackPart } from './part-key.ts';
import { conflicts, impliedRoute, isTcp, routesOf } from './routes.ts';
import { safetyFindings } from './safety.ts';
import type { Allowance, ServiceExtension, StackExtension } from './schema.ts';
import { strayedSecrets } from './secret-variables.ts';
import { buildService, inDependencyOrder } from './services.ts';
import type { BuiltService } from './services.ts';
import type { Environment, Route, Service, Stack } from './stack.ts';
import { sectionsOf, type Sections } from '../sections.ts';
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
  parts: readonly StackPart[];
  keys: KeyReaders;
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

/** Turns Compose's merged document into a stack, with all findings. */
export async function assemble(input: AssembleInput): Promise<Assembled> {
  const { model, raw } = separated(input);
  const stackExtension = parseStackExtension(input.document['x-horme'], input.keys);
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
  const variables = input.parts.flatMap(({ key }) => key?.variables ?? []);
  const services = routing.candidates.map((candidate) =>
    buildService({ ...candidate, directory, deploy: extension.deploy, variables }),
  );
  // `depends_on` with `required: false` may name a service that is in no active profile.
  for (const { service } of services)
    service.dependsOn = service.dependsOn.filter(({ service: name }) => name in model.services);
  const parts = await partOptions(input, model, extension);
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
    parts: parts.value,
    watchSeconds: extension.deploy.watch,
    sourceProblems: [],
    warnings: [...routing.warnings, ...services.flatMap(({ warnings }) => warnings), ...toldKeys(model)],
  };
  const findings = [
    ...built.findings,
    ...parts.findings,
    ...conflicts(ordered),
    ...stackFindings(stack, extensions, services, variables),
    ...(await migrationFindings(ordered, input.directory)),
  ];
  return { stack, findings };
}

async function partOptions(
  { directory, variables, keys }: AssembleInput,
  model: ComposeModel,
  extension: StackExtension,
): Promise<Built<Sections>> {
  const around = { directory, model, variables, has: (key: string) => extension[key] !== undefined };
  const built = await Promise.all(
    Object.entries(keys).map(async ([name, key]) => ({ name, ...(await key.options(extension[name], around)) })),
  );
  return {
    value: sectionsOf(built.map(({ name, value }) => [name, value])),
    findings: built.flatMap(({ findings }) => findings),
  };
}

function stackFindings(
  stack: Stack,
  extensions: Record<string, ServiceExtension>,
  built: BuiltService[],
  variables: PartVariable[],
): Finding[] {
  const written = Object.entries(extensions).map(([name, { migrate }]) => [name, { 'x-horme': { migrate } }]);
  return [
    ...built.flatMap(({ findings }) => findings),
    ...edgePortFindings(stack),
    ...strayedSecrets(stack.model, variables),
    ...strayedSecrets({ services: Object.fromEntries(written) as unknown }, variables),
    ...(stack.services.length === 0 ? [noServices] : []),
  ];
}

/** The linter reads these folders, so they must be inside the project. */
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

/** Separates `x-horme` from the rest of the document. */
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

/** Findings for services that publish one of the edge's ports: the edge could not start. */
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
