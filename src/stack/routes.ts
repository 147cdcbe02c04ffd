import type { Finding } from './locate.ts';
import type { ServiceExtension } from './schema.ts';
import type { Environment, Route } from './stack.ts';
import type { ComposeService } from '../engine/compose-model.ts';

/**
 * The host of a route in this environment. Without a host it is the environment's domain. A host without a dot is a
 * subdomain of it. A name under any environment's domain is moved under this one's, so that api.example.com works in
 * staging too.
 */
export function routeHost(host: string | undefined, environment: Environment, domains: readonly string[]): string {
  if (host === undefined) return environment.domain;
  const longestFirst = domains.toSorted((a, b) => b.length - a.length);
  const known = longestFirst.find((domain) => host === domain || host.endsWith(`.${domain}`));
  if (known !== undefined) return `${host.slice(0, host.length - known.length)}${environment.domain}`;
  return host.includes('.') ? host : `${host}.${environment.domain}`;
}

export function routesOf(extension: ServiceExtension, environment: Environment, domains: readonly string[]): Route[] {
  if (extension.route === undefined) return [];
  const written = Array.isArray(extension.route) ? extension.route : [extension.route];
  return written.map(({ host, path, port, timeout, maxHeader, maxBody, health = extension.health }) => ({
    host: routeHost(host, environment, domains),
    path: path === '/' ? path : path.replace(/\/$/, ''),
    port,
    ...(health && { health }),
    ...(timeout !== undefined && { timeoutSeconds: timeout }),
    ...(maxHeader !== undefined && { maxHeaderBytes: maxHeader }),
    ...(maxBody !== undefined && { maxBodyBytes: maxBody }),
  }));
}

/** `https` is the port that the edge publishes. */
export const webOrigin = (host: string, https: number) => `https://${host}${https === 443 ? '' : `:${https}`}`;

/** Findings for a port with two different health checks: each port has only one. */
export function healthFindings(name: string, routes: Route[]): Finding[] {
  const differs = routes.find(({ port, health }) =>
    routes.some((other) => other.port === port && JSON.stringify(other.health) !== JSON.stringify(health)),
  );
  if (differs === undefined) return [];
  return [
    {
      path: ['services', name, 'x-horme', 'route'],
      message: `the routes to port ${differs.port} have different health checks, and a port is asked one`,
      mend: 'give the same health to each of them',
    },
  ];
}

/** Findings for two services with the same address. */
export function conflicts(routed: readonly { name: string; routes: Route[] }[]): Finding[] {
  const owners = new Map<string, string>();
  const findings: Finding[] = [];
  for (const { name, routes } of routed) {
    for (const { host, path } of routes) {
      const address = `${host}${path}`;
      const owner = owners.get(address);
      owners.set(address, name);
      if (owner === undefined) continue;
      const message = owner === name ? `${address} is given twice` : `${address} already goes to ${owner}`;
      findings.push({ path: ['services', name, 'x-horme', 'route'], message, mend: 'give another host or path' });
    }
  }
  return findings;
}

/** Without any route, the only service with exactly one TCP port is routed. */
export function impliedRoute(
  services: readonly { name: string; definition: ComposeService }[],
): { name: string; port: number } | undefined {
  return (
    single(services.map(({ name, definition }) => ({ name, ports: publishedPorts(definition) }))) ??
    single(services.map(({ name, definition }) => ({ name, ports: exposedPorts(definition) })))
  );
}

function single(candidates: { name: string; ports: number[] }[]): { name: string; port: number } | undefined {
  const [first, second] = candidates.filter(({ ports }) => ports.length > 0);
  const [port, more] = first?.ports ?? [];
  if (first === undefined || second !== undefined || port === undefined || more !== undefined) return undefined;
  return { name: first.name, port };
}

export function isTcp(port: { protocol?: string }): boolean {
  return port.protocol === undefined || port.protocol === 'tcp';
}

function publishedPorts(definition: ComposeService): number[] {
  return [...new Set((definition.ports ?? []).filter(isTcp).map(({ target }) => target))];
}

function exposedPorts(definition: ComposeService): number[] {
  const exposed = Array.isArray(definition['expose']) ? definition['expose'].map(String) : [];
  return exposed.map((text) => Number(text.replace(/\/tcp$/, ''))).filter((port) => Number.isInteger(port));
}
