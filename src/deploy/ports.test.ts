import { gateService } from '../traffic/names.ts';
import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Container } from '../engine/engine.ts';
import { labels } from '../engine/labels.ts';
import { stackOf, userService } from '../release/testing.ts';
import type { Session } from './session.ts';
import { portChecks, publishedBy, refuseTakenPorts } from './ports.ts';
import { content, edge, route, service } from './testing.ts';

let other: Server;
let taken: number;
beforeEach(async () => {
  other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  taken = (other.address() as { port: number }).port;
});
afterEach(() => void other.close());

const free = 1;
const published = (port: number) => ({ ports: [{ target: 22, published: String(port) }] });

function session(ports: { http: number; https: number }, sftp = 0): Session {
  const own = sftp === 0 ? {} : published(sftp);
  const services = [userService('api', { routes: [route(3000)] }), userService('sftp', { definition: own })];
  const stack = stackOf(services, { environment: { ...stackOf([]).environment, ports } });
  return { stack, connection: { socketPath: '/var/run/docker.sock' } } as unknown as Session;
}

/** Live with these ports; each of these services runs, and what holds the state does. */
function live(ports: { http: number; https: number }, sftp: number, running: string[], spec = 'v1') {
  const release = content([...edge(), service('sftp')], {
    ports,
    compose: { name: 'shop-local', services: { sftp: published(sftp) } },
  });
  const container = (name: string, own: Container['labels']): Container => ({
    ...{ id: name, name, image: '', imageId: '', state: 'running', status: 'Up', createdSeconds: 0 },
    ...{ labels: own, addresses: {}, anonymousVolumes: [] },
  });
  const replicas = running.map((name) => container(name, { [labels.service]: name, [labels.spec]: spec }));
  return { containers: [container('store', { [labels.role]: 'store' }), ...replicas], live: release };
}

const failing = async (wanted: Session, situation: Parameters<typeof portChecks>[1]) =>
  (await portChecks(wanted, situation, publishedBy(wanted.stack))).filter(({ ok }) => !ok).map(({ name }) => name);

test('before the first deploy all ports are asked, those of services too', async () => {
  const nothing = { containers: [], live: undefined };
  expect(await failing(session({ http: free, https: taken }), nothing)).toEqual([`port ${taken}`]);
  expect(await failing(session({ http: free, https: 2 }, taken), nothing)).toEqual([`port ${taken}`]);
});

test('a change of ports is refused before anything is removed, when another environment has them', async () => {
  const situation = live({ http: 80, https: 443 }, 2222, [gateService, 'sftp']);
  const wanted = session({ http: free, https: taken }, 2222);
  expect(await failing(wanted, situation)).toEqual([`port ${taken}`]);
  await expect(refuseTakenPorts(wanted, situation, publishedBy(wanted.stack))).rejects.toMatchObject({
    code: 'port-taken',
    exitCode: 3,
  });
  expect(await failing(session({ http: 80, https: 443 }, taken), situation)).toEqual([`port ${taken}`]);
});

test('ports that are ours are not taken', async () => {
  const situation = live({ http: free, https: taken }, taken, [gateService, 'sftp']);
  expect(await failing(session({ http: free, https: taken }, taken), situation)).toEqual([]);
});

test('after horme down they are anybody else’s', async () => {
  expect(await failing(session({ http: free, https: taken }), live({ http: free, https: taken }, 2222, []))).toEqual([
    `port ${taken}`,
  ]);
});

test('a deploy that was interrupted while it changed ports goes on', async () => {
  const halfway = live({ http: 80, https: 443 }, 2222, [gateService], 'v2');
  expect(await failing(session({ http: free, https: taken }), halfway)).toEqual([]);
});
