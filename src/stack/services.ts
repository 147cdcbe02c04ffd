import { resolve } from 'node:path';
import { hardened } from './harden.ts';
import type { Finding } from './locate.ts';
import type { PartVariable } from './part-key.ts';
import { healthFindings, isTcp } from './routes.ts';
import type { ServiceExtension, StackExtension } from './schema.ts';
import { takeSecretVariables } from './secret-variables.ts';
import type { Route, Service, Strategy } from './stack.ts';
import type { ComposeService } from '../engine/compose-model.ts';
import { parseDuration, parseSize } from './units.ts';
import { orderedStop, writtenOrder } from './update-config.ts';

export interface ServiceInput {
  name: string;
  /** As Compose printed it, without `x-horme`; it is not changed. */
  definition: ComposeService;
  extension: ServiceExtension;
  routes: Route[];
  /** Whether another service waits for its end. */
  awaited: boolean;
  /** Of the project: relative paths begin there. */
  directory: string;
  deploy: StackExtension['deploy'];
  /** That it may mention. */
  variables: readonly PartVariable[];
}

export interface BuiltService {
  service: Service;
  findings: Finding[];
  warnings: string[];
}

/** Compose's default for stop_grace_period. */
const stopSeconds = 10;
/** A floor for the ready time: a first start pulls caches and compiles. */
const readySeconds = 60;
/** Docker's defaults for a health check. */
const healthDefaults = { interval: '30s', retries: 3, startPeriod: '0s' };

export function buildService(input: ServiceInput): BuiltService {
  const { name, extension, deploy } = input;
  const kind = (extension.job ?? input.awaited) ? 'job' : 'service';
  const published = withoutEdgePorts(input);
  const definition = hardened(published.definition, kind);
  delete definition['env_file'];
  delete definition['develop'];
  const secretVariables = takeSecretVariables(definition, input.variables);
  const replicas = replicasOf(definition);
  const { strategy, findings, warnings } = strategyOf(name, definition, replicas);
  const anonymous = anonymousWarnings(name, definition, { replicas, migrates: extension.migrate !== undefined });
  const service: Service = {
    name,
    kind,
    replicas,
    definition,
    routes: input.routes,
    strategy,
    migrate: extension.migrate,
    migrations: extension.migrations === undefined ? undefined : resolve(input.directory, extension.migrations),
    secretVariables,
    dependsOn: Object.entries(definition.depends_on ?? {}).map(([service, { condition }]) => ({ service, condition })),
    readySeconds: extension.ready ?? deploy.ready ?? readyFrom(definition),
    drainSeconds: extension.drain ?? deploy.drain,
    longLivedSeconds: extension.longLived ?? deploy.longLived,
    stopSeconds: parseDuration(definition.stop_grace_period ?? '') ?? stopSeconds,
    reservation: reservationOf(definition),
  };
  return {
    service,
    findings: [
      ...findings,
      ...jobFindings(service),
      ...networkFindings(service),
      ...healthFindings(name, input.routes),
    ],
    warnings: [
      ...published.warnings,
      ...warnings,
      ...anonymous,
      ...argumentWarnings(name, definition),
      ...unaskedWarnings(input),
    ],
  };
}

function replicasOf(definition: ComposeService): number {
  const scale = definition['scale'];
  return definition.deploy?.replicas ?? (typeof scale === 'number' ? scale : 1);
}

function reservationOf(definition: ComposeService): Service['reservation'] {
  const reserved = definition.deploy?.resources?.reservations;
  return { cpus: Number(reserved?.cpus ?? 0), memoryBytes: parseSize(String(reserved?.memory ?? '0')) ?? 0 };
}

/** The health check gives up after its start period and all its retries. */
function readyFrom(definition: ComposeService): number {
  const check = definition.healthcheck;
  if (check === undefined || check.disable === true) return readySeconds;
  const start = parseDuration(check.start_period ?? healthDefaults.startPeriod) ?? 0;
  const interval = parseDuration(check.interval ?? healthDefaults.interval) ?? 0;
  return Math.max(readySeconds, start + interval * (check.retries ?? healthDefaults.retries));
}

/** The edge publishes a routed service: its own publication of the same port would keep two replicas from running. */
function withoutEdgePorts({ name, definition, routes }: ServiceInput): {
  definition: ComposeService;
  warnings: string[];
} {
  const result = { ...definition };
  const routed = new Set(routes.map(({ port }) => port));
  const dropped = (result.ports ?? []).filter((port) => isTcp(port) && routed.has(port.target));
  if (dropped.length === 0) return { definition: result, warnings: [] };
  const kept = (result.ports ?? []).filter((port) => !dropped.includes(port));
  if (kept.length > 0) result.ports = kept;
  else delete result.ports;
  const exposed = Array.isArray(result['expose']) ? result['expose'].map(String) : [];
  result['expose'] = [...new Set([...exposed, ...dropped.map(({ target }) => String(target))])];
  const warnings = dropped.map(
    ({ published, target }) =>
      `${name}: port ${published ?? target} is not published on the host; the edge publishes it`,
  );
  return { definition: result, warnings };
}

/** Two at once would write the same data, or ask the engine for the same name or port. */
function strategyOf(name: string, definition: ComposeService, replicas: number) {
  const singular = [
    ...(definition.container_name === undefined ? [] : [`has the container name ${definition.container_name}`]),
    ...(definition.ports ?? []).flatMap(({ published }) =>
      published === undefined ? [] : [`publishes port ${published}`],
    ),
    ...fixedAddresses(definition),
  ];
  const { network_mode: mode } = definition;
  const network =
    mode === 'host'
      ? ["uses the host's network"]
      : mode?.startsWith('service:')
        ? ['shares the network of another service']
        : [];
  const shared = [...ownedMounts(definition), ...singular, ...network];
  const anonymous = anonymousPaths(definition);
  const reasons = [...shared, ...(anonymous.length > 0 ? [anonymousReason(anonymous)] : [])];
  const order = writtenOrder(definition);
  const findings: Finding[] = [];
  const warnings: string[] = [];
  if (replicas > 1 && singular.length > 0) {
    findings.push({
      path: ['services', name, singularKey(definition)],
      message: `${replicas} replicas, but it ${singular.join(' and ')}: only one can run`,
      mend: 'take it out, or set `deploy.replicas: 1`',
    });
  } else if (replicas > 1 && shared.length > 0) {
    warnings.push(
      `${name}: ${replicas} replicas, and it ${shared.join(' and ')}: all replicas write there, and stop before new ones start`,
    );
  }
  return { strategy: strategyFor(reasons, order), findings, warnings };
}

/** What the file orders counts where nothing forbids it. */
function strategyFor(reasons: string[], order: ReturnType<typeof writtenOrder>): Strategy {
  if (reasons.length > 0) {
    const against = order === 'start-first' ? ' (its `order: start-first` can not be had)' : '';
    return { kind: 'stop-first', reason: `${reasons.join(' and ')}${against}` };
  }
  return order === 'stop-first' ? { kind: 'stop-first', reason: orderedStop } : { kind: 'surge' };
}

/** The engine gives an address to one container at a time. */
function fixedAddresses({ networks, ...definition }: ComposeService): string[] {
  const given = Object.values(networks ?? {}).flatMap((one) => [
    one?.ipv4_address,
    one?.ipv6_address,
    one?.mac_address,
  ]);
  return [...given, definition['mac_address']]
    .filter((address) => typeof address === 'string')
    .map((address) => `has the address ${address}`);
}

function singularKey(definition: ComposeService): string {
  if (definition.container_name !== undefined) return 'container_name';
  return fixedAddresses(definition).length > 0 ? 'networks' : 'ports';
}

function unaskedWarnings({ name, extension, routes }: ServiceInput): string[] {
  if (extension.health === undefined || routes.length > 0) return [];
  return [`${name}: x-horme.health is not asked, because the service has no route; give it a healthcheck`];
}

/** The name of a variable whose value nobody else should read; a public key is for everybody. */
const secretName = /TOKEN|PASSWORD|PASSWD|SECRET|(^|_)KEY(_|$)/i;

function argumentWarnings(name: string, { build }: ComposeService): string[] {
  return Object.entries(build?.args ?? {})
    .filter(([argument, value]) => value && secretName.test(argument) && !/PUBLIC/i.test(argument))
    .map(
      ([argument]) =>
        `${name}: the build argument ${argument} can be read in the image's history and in the ledger; give a secret to the build by \`build.secrets\``,
    );
}

function ownedMounts(definition: ComposeService): string[] {
  return (definition.volumes ?? []).flatMap(({ type, source, read_only: readOnly }) => {
    if (readOnly === true || source === undefined) return [];
    if (type === 'volume') return [`owns the volume ${source}`];
    return type === 'bind' ? [`owns the bind mount ${source}`] : [];
  });
}

/** Where the file has a volume without a source. */
export const anonymousPaths = ({ volumes = [] }: ComposeService): string[] =>
  volumes.flatMap(({ type, source, target }) =>
    type === 'volume' && source === undefined && target !== undefined ? [target] : [],
  );

/** The container is all that knows such a volume: its successor takes it over, so it ends before that one starts. */
export const anonymousReason = (paths: string[]) =>
  `keeps data in the anonymous ${paths.length === 1 ? 'volume' : 'volumes'} ${paths.join(', ')}`;

function anonymousWarnings(
  name: string,
  definition: ComposeService,
  { replicas, migrates }: { replicas: number; migrates: boolean },
): string[] {
  const paths = anonymousPaths(definition).join(', ');
  if (paths === '') return [];
  return [
    ...(replicas > 1 ? [`${name}: ${replicas} replicas, and each has data of its own in ${paths}`] : []),
    ...(migrates ? [`${name}: its migration does not see the data in ${paths}: give the volume a name`] : []),
  ];
}

function jobFindings({ name, kind, routes }: Service): Finding[] {
  if (kind !== 'job' || routes.length === 0) return [];
  return [
    { path: ['services', name, 'x-horme', 'route'], message: 'a job cannot have a route', mend: 'take the route out' },
  ];
}

function networkFindings({ name, definition, routes }: Service): Finding[] {
  if (definition.network_mode === undefined || routes.length === 0) return [];
  return [
    {
      path: ['services', name, 'network_mode'],
      message: 'a routed service must be on the edge network',
      mend: 'take network_mode out',
    },
  ];
}

/** What a service depends on comes before it; else by name. Compose has refused cycles. */
export function inDependencyOrder(services: readonly Service[]): Service[] {
  const byName = new Map(services.map((service) => [service.name, service]));
  const ordered = new Set<Service>();
  const open = new Set<Service>();
  const place = (service: Service): void => {
    if (ordered.has(service) || open.has(service)) return;
    open.add(service);
    for (const { service: name } of service.dependsOn) {
      const dependency = byName.get(name);
      if (dependency !== undefined) place(dependency);
    }
    ordered.add(service);
  };
  services.toSorted((a, b) => a.name.localeCompare(b.name, 'en')).forEach(place);
  return [...ordered];
}
