import { stableJson } from '../fingerprint.ts';
import { questionsOf } from '../release/question.ts';
import type { ReleaseService, RoutedService } from '../release/release.ts';
import type { Route } from '../stack/stack.ts';
import { portsOf } from './haproxy.ts';

/** Routed services, as HAProxy needs them while replicas of both releases serve. */
export function routedServices(services: ReleaseService[], former: ReleaseService[]): ReleaseService[] {
  const all = new Map(former.map((service) => [service.name, service]));
  for (const service of services) {
    const before = all.get(service.name);
    all.set(service.name, before ? bothReleases(service, before) : service);
  }
  return [...all.values()].filter(({ routes }) => routes.length > 0);
}

const bothReleases = (service: ReleaseService, before: ReleaseService): ReleaseService & RoutedService => ({
  ...service,
  portSets: [service, before].map(portsOf).filter((ports) => ports.length > 0),
  routes: withoutDisputes(service.routes, before.routes),
  replicas: Math.max(service.replicas, before.replicas),
});

/** A health check that only one release passes would mark the other's replicas down: then only the port is checked. */
function withoutDisputes(routes: Route[], before: Route[]): Route[] {
  const disputed = (port: number) => {
    const [now, then] = [routes, before].map((some) => questionsOf(some).find((question) => question.port === port));
    return now !== undefined && then !== undefined && stableJson(now) !== stableJson(then);
  };
  return [...routes, ...before].map((route) => (disputed(route.port) ? { ...route, health: undefined } : route));
}
