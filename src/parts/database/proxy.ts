import { dockerResolvers } from '../../traffic/haproxy.ts';
import type { DatabaseOptions } from './options.ts';
import { memberService, ports } from './names.ts';
import { tlsFiles } from './patroni.ts';

export const proxyFile = '/run/haproxy/haproxy.cfg';
export const proxySocket = '/run/haproxy/admin.sock';
export const primaryBackend = 'primary';
export const replicaBackend = 'replica';

/** A replica with more lag than this gets no reads; they go to the primary. */
const mostLag = '16MB';

export const membersOf = ({ replicas }: Pick<DatabaseOptions, 'replicas'>): string[] =>
  Array.from({ length: replicas + 1 }, (_, index) => memberService(index + 1));

/**
 * The health check asks Patroni for the primary; without Patroni it checks the only member's port. Sessions may live as
 * long as their clients want (a day without traffic ends them). Sessions on a member that is no longer primary are cut
 * at once.
 *
 * HAProxy does not retry a refused connection, since it would wait a second first: the client retries. A check may take
 * seconds (`timeout connect` covers its handshake too): on an overloaded machine Patroni, a Python program, needs as
 * long, and a primary wrongly considered dead loses all its sessions. Names are not resolved at start, since one
 * missing name would delay the start; Docker's DNS resolves them later. Sources: `inter` to `rise` and `on-marked-down`
 * as in Pigsty.
 */
export function renderProxy(database: DatabaseOptions): string {
  const patroni = database.replicas > 0;
  const members = membersOf(database);
  const checks = 'inter 1s fastinter 500ms fall 3 rise 2';
  const asked = `port ${ports.patroni} check-ssl verify required ca-file ${tlsFiles.authority}`;
  const server = (name: string) =>
    `  server ${name} ${name}:${ports.primary} check ${checks}${patroni ? ` ${asked} verifyhost ${name} check-sni ${name}` : ''} on-marked-down shutdown-sessions init-addr none resolvers docker`;
  const backend = (name: string, question: string) => [
    `backend ${name}`,
    ...(patroni ? ['  option httpchk', `  http-check send meth OPTIONS uri ${question}`] : []),
    ...(name === replicaBackend ? ['  retries 2', '  option redispatch 1'] : ['  retries 0']),
    ...members.map(server),
    '',
  ];
  return [
    head,
    ...backend(primaryBackend, '/primary'),
    ...(patroni ? backend(replicaBackend, `/replica?lag=${mostLag}&replication_state=streaming`) : []),
    'frontend primary',
    `  bind :${ports.primary}`,
    `  default_backend ${primaryBackend}`,
    '',
    'frontend replica',
    `  bind :${ports.replica}`,
    ...(patroni ? [`  use_backend ${replicaBackend} if { nbsrv(${replicaBackend}) gt 0 }`] : []),
    `  default_backend ${primaryBackend}`,
    '',
  ].join('\n');
}

const head = `global
  log stdout format raw local0 notice
  stats socket ${proxySocket} mode 600 level admin
  stats timeout 1h
  maxconn 2000

defaults
  mode tcp
  log global
  option dontlog-normal
  option tcpka
  timeout connect 4s
  timeout client 1d
  timeout server 1d
  timeout check 3s
  timeout queue 5s
  balance leastconn

${dockerResolvers}`;
