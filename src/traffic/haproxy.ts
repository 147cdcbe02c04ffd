import { openFiles } from '../platform/service.ts';
import { questionsOf, type Question } from '../release/question.ts';
import type { Route } from '../stack/stack.ts';
import { backendLimits, frontendLimits, globalLimits, lines } from './route-limits.ts';
import type { RoutedService } from '../release/release.ts';
import { fingerprint } from '../fingerprint.ts';

export const haproxyInstances = ['haproxy-a', 'haproxy-b'] as const;
export const edgeSocketFolder = '/run/horme';
export const haproxyAdminSocket = '/run/haproxy/admin.sock';
/** The name that a spare slot resolves to: HAProxy itself, so that no query leaves the machine. */
export const spareName = 'horme-haproxy-a';

/** Replicas that HAProxy sends requests to, by backend: container names, which Docker's DNS follows when an address changes. */
export type Members = Record<string, string[]>;

export interface Backend {
  name: string;
  service: string;
  port: number;
  question: Question;
  slots: number;
}

/** How Horme's own requests call themselves: they are counted apart from the users', whom the watch of a deploy is about. */
export const proberAgent = 'horme-prober';

export const portsOf = ({ routes }: RoutedService) =>
  [...new Set(routes.map(({ port }) => port))].sort((a, b) => a - b);

/** One backend for each port of a service that has a route. */
export function backendsOf(services: RoutedService[]): Backend[] {
  return services.flatMap((service) =>
    questionsOf(service.routes)
      .sort((a, b) => a.port - b.port)
      .map((question) => ({
        name: backendName(service.name, question.port),
        service: service.name,
        port: question.port,
        question,
        slots: slotsFor(service.replicas),
      })),
  );
}

export const backendName = (service: string, port: number) => `${service}:${port}`;
/** Upgraded connections and event streams are counted apart, so that a drain can give them a budget of their own. */
export const longLivedName = (backend: string) => `${backend}:long`;
export const slotName = (index: number) => `s${index + 1}`;

/** A whole surge beside the old replicas, and room to scale by hand; in steps of 8, so that small changes need no reload. */
function slotsFor(replicas: number): number {
  return Math.ceil((2 * replicas + 4) / 8) * 8;
}

/** Changes when HAProxy needs a reload; replicas that come and go don't change it. */
export function haproxyStructure(services: RoutedService[]): string {
  return fingerprint(renderHaproxy(services, {}));
}

/** Changes when the note of who serves, for a HAProxy that starts anew, is not what it should be. */
export const membersFingerprint = (names: string[]) => fingerprint([...new Set(names)].sort());

/**
 * All spare slots share one name: without allow-dup-ip only one of them would get its address, and the others could not be
 * given a replica's at once.
 *
 * Sources: retries and error-limit measured on this design (a replica killed under load: no failure, marked down in
 * 0.13 s); `timeout connect` is what a removed container's address costs, since it swallows packets.
 */
export function renderHaproxy(services: RoutedService[], members: Members): string {
  // Sorted, so that the order in which a release lists its services is no reason for a reload.
  const backends = backendsOf(services).sort((a, b) => (a.name < b.name ? -1 : 1));
  const routes = services.flatMap((service) => service.routes);
  const rendered = backends.map((backend) => renderBackend(backend, members[backend.name] ?? [], routes));
  return [head(routes), ...rendered].join('\n');
}

/** HAProxy counts two files a connection, half of one for splicing's pipes, and some for checks and its own. */
const connections = Math.floor((openFiles - 400) / 2.5);

/** Docker's own DNS: an address that changes is found within a second. */
export const dockerResolvers = `resolvers docker
  nameserver engine 127.0.0.11:53
  resolve_retries 2
  timeout resolve 1s
  timeout retry 500ms
  hold valid 1s
  hold nx 5s
  hold obsolete 5s
`;

const head = (routes: readonly Route[]) => `global
  log stdout format raw local0 notice
  stats socket ${haproxyAdminSocket} mode 600 level admin
  stats timeout 1h
  hard-stop-after 15m
  maxconn ${connections}
${lines(globalLimits(routes))}
defaults
  mode http
  log global
  option dontlog-normal
  option redispatch 1
  option idle-close-on-response
  option splice-auto
  retries 3
  retry-on conn-failure empty-response
  timeout connect 250ms
  timeout client 65s
  timeout server 60s
  timeout queue 30s
  timeout tunnel 1h
  timeout http-keep-alive 75s
  timeout http-request 30s
  timeout check 2s
  errorfile 502 /etc/horme/haproxy/502.http
  errorfile 503 /etc/horme/haproxy/503.http
  errorfile 504 /etc/horme/haproxy/504.http
  default-server check inter 2s fastinter 250ms downinter 500ms fall 3 rise 2 maxconn 1000 slowstart 1s observe layer4 error-limit 3 on-error mark-down init-addr last,libc,127.0.0.1 resolvers docker resolve-opts allow-dup-ip

${dockerResolvers}
frontend edge
  bind "unix@${edgeSocketFolder}/\${HORME_INSTANCE}.sock" mode 660
  http-request set-var(txn.backend) req.hdr(x-horme-backend)
  http-request del-header x-horme-backend
${lines(frontendLimits(routes))}  # A request that changes something is sent once; what is safe to repeat may be retried on another replica.
  http-request disable-l7-retry unless { method GET HEAD OPTIONS }
  acl long_lived req.hdr(upgrade) -i websocket
  acl long_lived req.hdr(accept) -m sub text/event-stream
  acl prober req.hdr(user-agent) -m str ${proberAgent}
  use_backend %[var(txn.backend)]:long if long_lived or prober
  use_backend %[var(txn.backend)]
`;

function renderBackend(backend: Backend, members: string[], routes: readonly Route[]): string {
  const slots = Array.from({ length: Math.max(backend.slots, members.length) }, (_, index) => members[index]);
  const server = (member: string | undefined, index: number, options: string) =>
    `  server ${slotName(index)} ${member ?? spareName}:${backend.port}${options}${member ? '' : ' disabled'}`;
  return [
    `backend ${backend.name}`,
    '  balance leastconn',
    ...backendLimits(routes),
    ...healthLines(backend.question),
    ...slots.map((member, index) => server(member, index, '')),
    '',
    `backend ${longLivedName(backend.name)}`,
    '  balance leastconn',
    '  timeout server 1h',
    ...slots.map((member, index) => server(member, index, ` no-check track ${backend.name}/${slotName(index)}`)),
    '',
  ].join('\n');
}

/** The same as `wait-ready` asks: who changes one changes the other. */
function healthLines({ host, health }: Question): string[] {
  if (health === undefined) return [];
  const { method, path, status, timeout } = health;
  return [
    '  option httpchk',
    `  http-check send meth ${method} uri ${path} ver HTTP/1.1 hdr Host ${host} hdr X-Forwarded-Proto https`,
    `  http-check expect status ${status}`,
    `  timeout check ${Math.round(timeout * 1000)}ms`,
  ];
}
