import { appendFile, cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { healed } from '../database/faults.ts';
import {
  docker,
  eventually,
  expectLossless,
  must,
  quickGets,
  show,
  until,
  useProject,
  type Listed,
  type Ran,
} from './harness.ts';
import type { Report } from './traffic.ts';

let otherPackage: string | undefined;
let otherImages: string[] = [];

// Hooks run last to first: the project is gone by then.
afterAll(async () => {
  if (otherPackage) await rm(otherPackage, { recursive: true, force: true });
  if (otherImages.length > 0) await docker('rmi', ...otherImages);
});

const project = useProject('e2e-edge');

beforeAll(async () => {
  await project().write({ VERSION: 'v1' });
  await project().deploy();
});

test('each HAProxy restarted in turn: no GET fails', async () => {
  const report = await during(async () => {
    for (const name of ['haproxy-a', 'haproxy-b']) {
      const { id } = await one(`horme-${name}`);
      await docker('restart', id);
      await serves(id, `/run/horme/${name}.sock`);
    }
  });
  show('HAProxies restarted', report);
  expectLossless(report);
});

test('nginx reloaded: no GET fails', async () => {
  const { id } = await one('horme-nginx');
  const report = await during(async (requests) => {
    for (let reload = 0; reload < 3; reload++) {
      const before = await requests();
      await docker('exec', id, 'sh', '-c', 'kill -HUP 1');
      await eventually(requests, (now) => now > before + 30);
    }
  });
  show('nginx reloaded', report);
  expectLossless(report);
});

test('maintenance on and off: 503 with a page, then the application again, by the same nginx', async () => {
  const shop = project();
  const { id } = await one('horme-nginx');
  must(await shop.horme(['maintenance', 'on', '--json']), 0);
  const closed = await healed(
    () =>
      eventually(
        () => shop.ask('/'),
        ({ status }) => status === 503,
      ),
    async () => must(await shop.horme(['maintenance', 'off', '--json']), 0),
  );
  expect(closed.body).toContain('Maintenance');
  await eventually(
    () => shop.ask('/'),
    ({ status }) => status === 200,
  );
  expect((await one('horme-nginx')).id).toBe(id);
  expect(await shop.versions()).toEqual(['v1']);
});

test('an address added by a deploy: nginx takes a new certificate and configuration, no GET fails', async () => {
  const shop = project();
  const { id } = await one('horme-nginx');
  const route = [{ port: 8000 }, { host: 'other', port: 8000 }];
  await shop.write({ VERSION: 'v1' }, { app: { 'x-horme': { route, health: '/health' } } });
  const report = await during(async () => {
    await shop.deploy();
  });
  show('an address added', report);
  expectLossless(report);
  expect((await one('horme-nginx')).id).toBe(id);
  expect(await shop.ask('/', { at: 'other' })).toMatchObject({ status: 200, version: 'v1' });
});

test('nginx and HAProxy that were reloaded start again by themselves after a crash', async () => {
  const shop = project();
  // Another health path is another backend: HAProxy is reloaded; the address goes: nginx is.
  await shop.write({ VERSION: 'v1' }, { app: { 'x-horme': { route: { port: 8000 }, health: '/' } } });
  const { json } = await shop.deploy();
  const steps = (json['steps'] as { title: string }[]).map(({ title }) => title);
  expect(steps).toEqual(expect.arrayContaining(['check and reload HAProxy', 'check and reload nginx']));
  for (const name of ['horme-haproxy-a', 'horme-haproxy-b', 'horme-nginx']) {
    const { id } = await one(name);
    // From outside the engine, which would take `docker kill` for the wish to stop it.
    process.kill(Number(await docker('inspect', '--format', '{{.State.Pid}}', id)), 'SIGKILL');
    await eventually(
      () => docker('inspect', '--format', '{{.State.Running}} {{.RestartCount}}', id),
      (state) => state === 'true 1',
    );
    await eventually(
      () => shop.ask('/').catch(() => ({ status: 0 })),
      ({ status }) => status === 200,
    );
  }
});

test('nginx and both HAProxies replaced by other images: no GET fails', async () => {
  const shop = project();
  const edge = ['horme-nginx', 'horme-haproxy-a', 'horme-haproxy-b'];
  const ids = () => Promise.all(edge.map(async (name) => (await one(name)).id));
  const before = await ids();
  otherPackage = await mkdtemp(join(tmpdir(), 'horme-package-'));
  await cp(inject('horme'), otherPackage, { recursive: true });
  for (const name of ['nginx', 'haproxy'])
    await appendFile(join(otherPackage, 'images', name, 'Dockerfile'), 'LABEL org.horme.test=replaced\n');
  shop.use(otherPackage);
  let ran: Ran | undefined;
  const report = await during(async () => {
    ran = await shop.deploy();
  });
  show('nginx and HAProxies replaced', report, ran);
  // Far below the time after which a HAProxy that doesn't end by itself is killed. An engine without the former build's
  // layers builds longer than that.
  expect(replacedIn(ran)).toBeLessThan(25);
  expectLossless(report);
  const after = await ids();
  expect(after.filter((id) => before.includes(id))).toEqual([]);
  expect((await shop.containers()).filter(({ service }) => edge.includes(service))).toHaveLength(edge.length);
  const images = await docker('inspect', '--format', '{{.Config.Image}}', ...after);
  otherImages = [...new Set(images.split('\n'))];
});

/** Seconds without the building of images. */
function replacedIn(ran: Ran | undefined): number {
  const built = (ran?.events ?? []).filter(({ title }) => String(title).startsWith('build '));
  return (ran?.seconds ?? 0) - built.reduce((sum, { seconds }) => sum + Number(seconds ?? 0), 0);
}

async function during(work: (requests: () => Promise<number>) => Promise<void>): Promise<Report> {
  const traffic = await project().traffic(quickGets);
  const requests = async () => (await traffic.snapshot()).requests;
  await eventually(requests, (now) => now > 50);
  await work(requests);
  const after = await requests();
  await until(traffic, (seen) => seen.requests > after + 50);
  return traffic.stop();
}

async function one(service: string): Promise<Listed> {
  const [found] = (await project().containers()).filter((seen) => seen.service === service && seen.state === 'running');
  if (!found) throw new Error(`no ${service} runs`);
  return found;
}

/** Asks itself, as its health check does once in ten seconds. */
const serves = (id: string, socket: string): Promise<boolean> =>
  eventually(
    () =>
      docker('exec', id, 'socat', '-u', '/dev/null', `UNIX-CONNECT:${socket}`).then(
        () => true,
        () => false,
      ),
    (answered) => answered,
  );
