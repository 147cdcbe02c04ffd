import { gateService } from '../traffic/names.ts';
import { connect } from 'node:net';
import { labels } from '../engine/labels.ts';
import type { Container } from '../engine/engine.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import type { ReleaseContent } from '../release/release.ts';
import type { Session } from './session.ts';
import { isTcp } from '../stack/routes.ts';
import type { Stack } from '../stack/stack.ts';
import type { ComposeService } from '../engine/compose-model.ts';
import type { Check } from './check.ts';
import type { Situation } from './situation.ts';

interface Port {
  host: string;
  port: number;
  /** The key that sets it, named in the advice. */
  key: string;
}

/**
 * Checked before anything is built, started or removed: the engine would report a taken port only after the old
 * container is gone.
 */
export async function refuseTakenPorts(
  session: Session,
  situation: Pick<Situation, 'containers' | 'live'>,
  wanted: Published,
): Promise<void> {
  const failed = (await portChecks(session, situation, wanted)).filter(({ ok }) => !ok);
  if (failed.length === 0) return;
  throw new OperatorError(failed.map(({ name, detail }) => `${name}: ${detail}`).join('\n'), {
    code: 'port-taken',
    exitCode: exitCodes.checkFailed,
    next: 'horme check',
  });
}

/** The published ports of a release or of the files. */
export interface Published {
  ports: { http: number; https: number };
  services: readonly { name: string; routes: readonly unknown[]; definition: ComposeService }[];
}

export const publishedBy = ({ environment, services }: Stack): Published => ({ ports: environment.ports, services });

export const releasedBy = ({ ports, services, compose }: ReleaseContent): Published => ({
  ports,
  services: services
    .filter(({ owner }) => owner === 'user')
    .map(({ name, routes }) => ({ name, routes, definition: compose.services[name] ?? {} })),
});

/** Checks the ports that this environment does not hold yet, and only if the engine is on this machine. */
export async function portChecks(
  { stack, connection }: Session,
  { containers, live }: Pick<Situation, 'containers' | 'live'>,
  wanted: Published,
): Promise<Check[]> {
  if (connection.socketPath === undefined) return [];
  const held = heldPorts(containers, live);
  if (!held) return [];
  const needed = portsOf(wanted, stack.environment.name).filter(({ port }) => !held.has(port));
  return Promise.all(
    needed.map(async ({ host, port, key }) => {
      const taken = await answers(host, port);
      const mend = `in use by another program or environment: set ${key}`;
      return { name: `port ${port}`, ok: !taken, detail: taken ? mend : 'free' };
    }),
  );
}

/**
 * Ports that the live release holds: the next generation takes them over. Undefined if a container runs that is not of
 * the live release: an interrupted run may have taken the new ports already, and the next deploy continues with them.
 */
function heldPorts(containers: Container[], live: ReleaseContent | undefined): Set<number> | undefined {
  // Containers with a role (state, lock) publish no ports.
  const running = containers.filter(({ state, labels: own }) => state === 'running' && own[labels.role] === undefined);
  const isLive = ({ labels: own }: Container) =>
    live?.services.some(({ name, spec }) => name === own[labels.service] && spec === own[labels.spec]);
  if (!running.every(isLive)) return undefined;
  const names = running.map((container) => container.labels[labels.service] ?? '');
  if (!live) return new Set();
  const { ports, services } = releasedBy(live);
  const own = services.filter(({ name }) => names.includes(name)).flatMap(servicePorts);
  const edge = names.includes(gateService) ? [ports.http, ports.https] : [];
  return new Set([...edge, ...own.map(({ port }) => port)]);
}

export function portsOf({ ports, services }: Published, environment: string): Port[] {
  const key = `x-horme.environments.${environment}.ports`;
  const isRouted = services.some(({ routes }) => routes.length > 0);
  const edge = [ports.http, ports.https].map((port) => ({ host: loopback, port, key }));
  return [...(isRouted ? edge : []), ...services.flatMap(servicePorts)];
}

/** A port that the engine chooses is always free, and a UDP port can't be probed by connecting. */
function servicePorts({ name, definition }: Published['services'][number]): Port[] {
  const key = `services.${name}.ports`;
  return (definition.ports ?? [])
    .filter((port) => isTcp(port) && /^\d+$/.test(port.published ?? ''))
    .map(({ published, host_ip: ip }) => ({
      host: everyAddress.includes(ip) ? loopback : String(ip),
      port: Number(published),
      key,
    }));
}

const loopback = '127.0.0.1';
const everyAddress: unknown[] = [undefined, '', '0.0.0.0', '::'];

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host, timeout: 2000 });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('connect', () => end(true));
    socket.on('error', () => end(false));
    socket.on('timeout', () => end(false));
  });
}
