import type { ReleaseContent, ReleaseService } from '../release/release.ts';
import type { HealthCheck } from '../stack/stack.ts';
import { nothingApplied } from '../release/settings.ts';
import type { Seen, SeenReplica } from './observe.ts';
import { membersSeen, nginxFingerprint } from '../parts/edge/plan.ts';
import { parts } from '../parts/index.ts';
import { plan } from './plan.ts';
import type { PlanOptions, Step } from './step.ts';
import { haproxyStructure, membersFingerprint } from '../traffic/haproxy.ts';

/** Small factories for tests of the planner: a service is named, the rest has defaults that plan to nothing special. */
export function service(name: string, own: Partial<ReleaseService> = {}): ReleaseService {
  return {
    name,
    owner: 'user',
    kind: 'service',
    replicas: 1,
    routes: [],
    strategy: { kind: 'surge' },
    migrate: undefined,
    migrationFiles: {},
    migrationVolume: undefined,
    origin: undefined,
    dependsOn: [],
    readySeconds: 60,
    drainSeconds: 30,
    longLivedSeconds: 30,
    stopSeconds: 10,
    reservation: { cpus: 0, memoryBytes: 0 },
    image: `shop-local/${name}:v1`,
    imageId: `sha256:${name}-v1`,
    spec: 'v1',
    ...own,
  };
}

export const health: HealthCheck = { path: '/ready', method: 'GET', status: '200-399', timeout: 2 };

export const route = (port: number, path = '/') => ({ host: 'shop.localhost', path, port });

/** The same service in another version: another image, so another spec. */
export const version = (one: ReleaseService, spec: string, own: Partial<ReleaseService> = {}): ReleaseService => ({
  ...one,
  image: `shop-local/${one.name}:${spec}`,
  imageId: `sha256:${one.name}-${spec}`,
  spec,
  ...own,
});

export function api(own: Partial<ReleaseService> = {}): ReleaseService {
  return service('api', { replicas: 3, routes: [route(3000)], ...own });
}

/** As the edge's part has them: who stops first, and who waits for whom. */
export function edge(spec = 'v1'): ReleaseService[] {
  const own = (name: string, rest: Partial<ReleaseService>) => service(name, { owner: 'edge', spec, ...rest });
  const healthy = (name: string) => ({ service: name, condition: 'service_healthy' as const });
  const stopFirst = (reason: string) => ({ strategy: { kind: 'stop-first' as const, reason } });
  return [
    own('horme-gate', stopFirst('publishes the ports 80 and 443')),
    own('horme-haproxy-a', stopFirst('owns its socket; the other HAProxy serves meanwhile')),
    own('horme-haproxy-b', {
      ...stopFirst('owns its socket; the other HAProxy serves meanwhile'),
      dependsOn: [healthy('horme-haproxy-a')],
    }),
    own('horme-nginx', { dependsOn: ['horme-gate', 'horme-haproxy-a', 'horme-haproxy-b'].map(healthy) }),
  ];
}

export function content(services: ReleaseService[], own: Partial<ReleaseContent> = {}): ReleaseContent {
  return {
    schema: 'horme.release/1',
    name: 'shop',
    project: 'shop-local',
    environment: 'local',
    domain: 'shop.localhost',
    ports: { http: 80, https: 443 },
    services,
    compose: { name: 'shop-local', services: {} },
    parts: {
      edge: {
        nginx: `routes: ${services.flatMap(({ name, routes }) => routes.map(({ path, port }) => `${path} ${name}:${port}`)).join()}`,
      },
    },
    buildSecrets: undefined,
    secretVolumes: [],
    watchSeconds: 10,
    ...own,
  };
}

export function replica(of: ReleaseService, number = 1, own: Partial<SeenReplica> = {}): SeenReplica {
  const name = `shop-local-${of.name}-${number}`;
  return {
    id: name,
    name,
    service: of.name,
    number,
    spec: of.spec,
    imageId: of.imageId,
    release: 1,
    running: true,
    exitCode: undefined,
    neverRan: false,
    anonymousVolumes: [],
    address: `10.0.0.${number}`,
    membership: of.routes.length > 0 ? 'ready' : 'absent',
    ...own,
  };
}

export const replicas = (of: ReleaseService, count = of.replicas): SeenReplica[] =>
  Array.from({ length: count }, (_, index) => replica(of, index + 1));

export const nothing: Seen = {
  replicas: [],
  leftovers: [],
  stale: [],
  applied: nothingApplied,
  parts: {},
  capacity: { cpus: 16, memoryBytes: 64 * 1024 ** 3 },
};

/** What is seen when this release runs as it should. */
export function running(live: ReleaseContent, own: Partial<Seen> = {}): Seen {
  const all = live.services.filter(({ kind }) => kind === 'service').flatMap((one) => replicas(one));
  const ended = live.services
    .filter(({ kind }) => kind === 'job')
    .map((one) => replica(one, 1, { running: false, exitCode: 0 }));
  const seen = { ...nothing, replicas: [...all, ...ended], ...own };
  const members = membersFingerprint(membersSeen(live, seen, []));
  return {
    ...seen,
    applied: {
      ...nothingApplied,
      parts: { edge: { nginx: nginxFingerprint(live), haproxy: haproxyStructure(live.services), members } },
    },
  };
}

export const options = (own: Partial<PlanOptions> = {}): PlanOptions => ({
  migrate: true,
  watchSeconds: 10,
  majorUpgrade: false,
  swap: undefined,
  only: undefined,
  former: [],
  ...own,
});

/** With all parts of the platform. */
export const stepsOfPlan = (wanted: ReleaseContent, seen: Seen, how: PlanOptions): Step[] =>
  plan(wanted, seen, how, parts);
