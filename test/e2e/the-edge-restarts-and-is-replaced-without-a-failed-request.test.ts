import { appendFile, cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
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
} from './harness.ts';
import type { Report } from './traffic.ts';

const project = useProject('e2e-edge');
let otherPackage: string | undefined;

beforeAll(async () => {
  await project().write({ VERSION: 'v1' });
  await project().deploy();
});

afterAll(async () => {
  if (otherPackage) await rm(otherPackage, { recursive: true, force: true });
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
  const report = await during(async (seen) => {
    for (let reload = 0; reload < 3; reload++) {
      const before = seen();
      await docker('kill', '-s', 'HUP', id);
      await eventually(
        async () => seen(),
        (now) => now > before + 30,
      );
    }
  });
  show('nginx reloaded', report);
  expectLossless(report);
});

test('a configuration that changes reloads nginx: maintenance answers 503 with a page, and nothing else fails', async () => {
  const shop = project();
  const { id } = await one('horme-nginx');
  must(await shop.horme(['maintenance', 'on', '--json']), 0);
  const closed = await eventually(
    () => shop.ask('/'),
    ({ status }) => status === 503,
  );
  expect(closed.body).toContain('Maintenance');
  must(await shop.horme(['maintenance', 'off', '--json']), 0);
  await eventually(
    () => shop.ask('/'),
    ({ status }) => status === 200,
  );
  expect((await one('horme-nginx')).id).toBe(id);
  expect(await shop.versions()).toEqual(['v1']);
});

test('the nginx container replaced by another image: no GET fails', async () => {
  const shop = project();
  const before = await one('horme-nginx');
  otherPackage = await mkdtemp(join(tmpdir(), 'horme-package-'));
  await cp(inject('horme'), otherPackage, { recursive: true });
  await appendFile(join(otherPackage, 'images', 'nginx', 'Dockerfile'), 'LABEL org.horme.test=replaced\n');
  shop.use(otherPackage);
  const report = await during(async () => {
    await shop.deploy();
  });
  show('nginx replaced', report);
  expectLossless(report);
  const nginx = (await shop.containers()).filter(({ service }) => service === 'horme-nginx');
  expect(nginx).toHaveLength(1);
  expect(nginx[0]?.id).not.toBe(before.id);
  const tag = await docker('inspect', '--format', '{{.Config.Image}}', nginx[0]?.id ?? '');
  shop.use(inject('horme'));
  await shop.deploy();
  await docker('rmi', tag);
});

async function during(work: (requests: () => number) => Promise<void>): Promise<Report> {
  const traffic = await project().traffic(quickGets);
  let requests = 0;
  let over = false;
  const counting = (async () => {
    while (!over) await until(traffic, (seen) => (requests = seen.requests) > 0 || over);
  })();
  await eventually(
    async () => requests,
    (now) => now > 50,
  );
  await work(() => requests);
  over = true;
  await counting;
  const after = requests;
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
