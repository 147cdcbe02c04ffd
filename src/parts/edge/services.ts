import { platformUid } from '../../engine/archive.ts';
import {
  hardened,
  healthcheck,
  impatientNames,
  mebibyte,
  platformService,
  scratch,
  type PartService,
} from '../../platform/service.ts';
import { edgeVolume, volumeNames } from '../../release/store.ts';
import type { Stack } from '../../stack/stack.ts';
import { edgeNetwork } from '../../platform/networks.ts';
import { edgeSocketFolder, haproxyAdminSocket, haproxyInstances } from '../../traffic/haproxy.ts';
import { gateService, haproxyService, haproxyServices } from '../../traffic/names.ts';
import { configurationFolder, gateSocket, innerPorts, nginxStatusSocket } from './nginx.ts';

export const nginxService = 'horme-nginx';

export const publicNetwork = 'horme-public';
const socketVolume = 'horme-sockets';
const configurationVolume = edgeVolume;

const sockets = { type: 'volume', source: socketVolume, target: edgeSocketFolder };
const configuration = { type: 'volume', source: configurationVolume, target: configurationFolder, read_only: true };
/**
 * Client → gate (holds the ports) → nginx (TLS; no network of its own) → unix socket → one of two HAProxies → replica.
 * The unix sockets need no name, no address and no port, and cost less than a second hop over the bridge would.
 */
export const edgeServices = (stack: Stack): PartService[] =>
  stack.services.some((service) => service.routes.length > 0)
    ? [gate(stack), ...haproxyInstances.map(haproxy), nginx()]
    : [];

export const edgeNetworks = (stack: Stack) => ({
  [edgeNetwork]: { name: `${stack.project}_${edgeNetwork}`, driver: 'bridge' },
  [publicNetwork]: { name: `${stack.project}_${publicNetwork}`, driver: 'bridge' },
});

export const edgeVolumes = (stack: Stack) => ({
  [configurationVolume]: { name: volumeNames(stack.project).edge },
  [socketVolume]: {
    name: `${stack.project}_${socketVolume}`,
    driver_opts: { type: 'tmpfs', device: 'tmpfs', o: 'uid=101,gid=101,mode=0770,size=1m' },
  },
});

function gate(stack: Stack): PartService {
  const { http, https } = stack.environment.ports;
  return platformService({
    name: gateService,
    owner: 'edge',
    platformImage: 'gate',
    strategy: {
      kind: 'stop-first',
      reason: `publishes the ports ${http} and ${https}; new connections are refused meanwhile`,
    },
    stopSeconds: 1,
    definition: hardened(
      { memoryBytes: 16 * mebibyte, cpus: 0.1 },
      {
        command: ['hold', gateSocket, String(innerPorts.http), String(innerPorts.https)],
        ports: [
          { target: innerPorts.http, published: String(http), protocol: 'tcp', mode: 'ingress' },
          { target: innerPorts.https, published: String(https), protocol: 'tcp', mode: 'ingress' },
        ],
        networks: { [publicNetwork]: null },
        volumes: [sockets],
        healthcheck: healthcheck(['/horme/gate', 'check', gateSocket]),
      },
    ),
  });
}

function haproxy(instance: string, index: number): PartService {
  const before = haproxyInstances[index - 1];
  return platformService({
    name: haproxyService(instance),
    owner: 'edge',
    platformImage: 'haproxy',
    strategy: { kind: 'stop-first', reason: 'owns its socket; the other HAProxy serves meanwhile' },
    stopSeconds: 30,
    dependsOn: before ? [{ service: haproxyService(before), condition: 'service_healthy' }] : [],
    definition: hardened(
      { memoryBytes: 256 * mebibyte, cpus: 2 },
      {
        ...impatientNames,
        environment: { HORME_INSTANCE: instance },
        networks: { [edgeNetwork]: null },
        volumes: [sockets, configuration],
        tmpfs: [scratch(platformUid, haproxyAdminSocket.slice(0, haproxyAdminSocket.lastIndexOf('/')), '1m')],
        stop_grace_period: '30s',
        healthcheck: healthcheck(['socat', '-u', '/dev/null', `UNIX-CONNECT:${edgeSocketFolder}/${instance}.sock`]),
      },
    ),
  });
}

function nginx(): PartService {
  return platformService({
    name: nginxService,
    owner: 'edge',
    platformImage: 'nginx',
    strategy: { kind: 'surge' },
    stopSeconds: 60,
    dependsOn: [gateService, ...haproxyServices].map((service) => ({ service, condition: 'service_healthy' })),
    definition: hardened(
      { memoryBytes: 256 * mebibyte, cpus: 2 },
      {
        network_mode: 'none',
        volumes: [sockets, configuration],
        tmpfs: [
          scratch(platformUid, '/tmp', '64m'),
          scratch(platformUid, nginxStatusSocket.slice(0, nginxStatusSocket.lastIndexOf('/')), '1m'),
        ],
        stop_grace_period: '60s',
        healthcheck: healthcheck(['gate', 'probe', nginxStatusSocket]),
      },
    ),
  });
}
