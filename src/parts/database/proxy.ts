import { dockerResolvers } from '../../traffic/haproxy.ts';
import type { DatabaseOptions } from './options.ts';
import { memberService, ports } from './names.ts';
import { tlsFiles } from './patroni.ts';

export const proxyFile = '/run/haproxy/haproxy.cfg';
export const proxySocket = '/run/haproxy/admin.sock';
export const primaryBackend = 'primary';
export const replicaBackend = 'replica';

/** A replica that is further behind answers no reads; the primary does. */
const mostLag = '16MB';

export const membersOf = ({ replicas }: Pick<DatabaseOptions, 'replicas'>): string[] =>
  Array.from({ length: replicas + 1 }, (_, index) => memberService(index + 1));

/**
 * Who is primary is asked of Patroni; without Patroni there is one, and its port is asked. Sessions live as long as their
 * clients want (a day without a byte ends them); one on a member that is no primary any more is cut at once.
 *
 * A primary that refuses is not asked again by HAProxy, which would wait a second first: the client knows better. A check has
 * seconds to answer (`timeout connect` counts for its handshake too): on a machine out of breath Patroni, a Python program, may
 * take as many, and a primary wrongly taken for dead loses all its sessions.
 * A name is never looked up at start, where one that is away would hold up all of them.
 * Sources: `inter` to `rise` and `on-marked-down` as Pigsty runs them. Names are looked up through Docker's DNS.
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
