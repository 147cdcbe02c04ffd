import { basename, resolve } from 'node:path';
import { undoubled } from '../engine/compose-config.ts';
import { contextsOf } from './build-contexts.ts';
import { isBelow, realLocation } from './contained.ts';
import type { Finding, Path } from './locate.ts';
import type { Allowance } from './schema.ts';
import type { ComposeModel } from '../engine/compose-model.ts';

export interface SafetyInput {
  /** Compose's output: merges, includes and extends are resolved, short forms expanded. */
  model: ComposeModel;
  directory: string;
  allowances: Map<string, Allowance[]>;
}

/** CIS Docker Benchmark 5.6, and where engines keep their state and sockets. */
const systemFolders = ['/boot', '/dev', '/etc', '/lib', '/proc', '/sys', '/usr', '/var/lib/docker', '/run', '/var/run'];
const socketNames = ['docker.sock', 'containerd.sock', 'podman.sock', 'crio.sock'];
const socketPath = '/run/docker.sock';

interface HostPath {
  path: Path;
  /** Absolute, as Compose resolved it. */
  source: string;
  /** Services whose allow-lists apply. */
  services: string[];
  kind: 'mount' | 'file' | 'context';
}

/** Findings for host paths that the merged file mounts, reads or sends to a build although they are not allowed. */
export async function mountFindings({ model, directory, allowances }: SafetyInput): Promise<Finding[]> {
  const project = await realLocation(directory);
  const findings: Finding[] = [];
  for (const host of hostPaths(model)) {
    // Compose doubles each `$` in its output; the path to open has single ones.
    const source = resolve(directory, String(undoubled(host.source)));
    const real = await realLocation(source);
    const reached = reachedPlace(host.kind, real, project);
    if (reached === undefined) continue;
    const allowed = host.services.flatMap((name) => allowances.get(name) ?? []);
    if (await isAllowed(allowed, source, real, directory)) continue;
    const owner = host.services[0] ?? '<service>';
    findings.push({
      path: host.path,
      message: `${source}${real === source ? '' : ` (really ${real})`} ${reached}`,
      mend: `keep it in the project, or allow it: services.${owner}.x-horme.allow: [{ mount: ${source}, reason: "…" }]`,
      hint: basename(source),
    });
  }
  return [...findings, ...typeFindings(model)];
}

function reachedPlace(kind: HostPath['kind'], real: string, project: string): string | undefined {
  if (kind === 'mount' && (socketNames.includes(basename(real)) || isBelow(real, socketPath)))
    return 'reaches the Docker socket';
  const system = systemFolders.find((folder) => isBelow(folder, real) && !isBelow(folder, project));
  if (system !== undefined) return `reaches the system folder ${system}`;
  // A build context may be outside the project, as in a repository with several applications, but not the whole host.
  if (kind === 'context') return real === '/' ? 'is the whole host' : undefined;
  return isBelow(project, real) ? undefined : 'leaves the project directory';
}

async function isAllowed(allowances: Allowance[], source: string, real: string, directory: string): Promise<boolean> {
  for (const allowance of allowances) {
    if (!('mount' in allowance)) continue;
    const path = resolve(directory, allowance.mount);
    if (path === source || (await realLocation(path)) === real) return true;
  }
  return false;
}

function hostPaths(model: ComposeModel): HostPath[] {
  return [
    ...serviceMounts(model),
    ...driverMounts(model),
    ...files(model, 'secrets'),
    ...files(model, 'configs'),
    ...contexts(model),
  ];
}

function serviceMounts(model: ComposeModel): HostPath[] {
  return Object.entries(model.services).flatMap(([name, { volumes }]) =>
    (volumes ?? [])
      .filter(({ type, source }) => type === 'bind' && source !== undefined)
      .map(({ source }): HostPath => ({
        path: ['services', name, 'volumes'],
        source: source ?? '',
        services: [name],
        kind: 'mount',
      })),
  );
}

/** A volume of the local driver can be a bind mount in disguise. */
function driverMounts(model: ComposeModel): HostPath[] {
  return Object.entries(model.volumes ?? {}).flatMap(([key, volume]) => {
    if (volume?.['driver_opts'] === undefined) return [];
    const options = (volume['driver_opts'] ?? {}) as Record<string, string | undefined>;
    const text = [options['device'] ?? '', ...(options['o'] ?? '').split(/[,:=]/)];
    const services = Object.entries(model.services)
      .filter(([, { volumes }]) => volumes?.some(({ source }) => source === key))
      .map(([name]) => name);
    return text
      .filter((part) => part.startsWith('/') && !part.startsWith('//'))
      .map((source): HostPath => ({ path: ['volumes', key, 'driver_opts'], source, services, kind: 'mount' }));
  });
}

function files(model: ComposeModel, kind: 'secrets' | 'configs'): HostPath[] {
  return Object.entries(model[kind] ?? {}).flatMap(([key, { file }]): HostPath[] => {
    if (file === undefined) return [];
    const services = Object.entries(model.services)
      .filter(([, service]) => service[kind]?.some(({ source }) => source === key))
      .map(([name]) => name);
    return [{ path: [kind, key, 'file'], source: file, services, kind: 'file' }];
  });
}

function contexts(model: ComposeModel): HostPath[] {
  return Object.entries(model.services).flatMap(([name, { build }]) => {
    if (build === undefined) return [];
    return [build.context, ...Object.values(contextsOf(build))]
      .filter((context) => context.startsWith('/'))
      .map((source): HostPath => ({ path: ['services', name, 'build'], source, services: [name], kind: 'context' }));
  });
}

function typeFindings(model: ComposeModel): Finding[] {
  const known = ['bind', 'volume', 'tmpfs', 'image'];
  return Object.entries(model.services).flatMap(([name, { volumes }]) =>
    (volumes ?? [])
      .filter(({ type }) => !known.includes(type))
      .map(({ type }) => ({
        path: ['services', name, 'volumes'],
        message: `mounts of the type ${JSON.stringify(type)} are not supported`,
        mend: `use ${known.join(', ')}`,
      })),
  );
}
