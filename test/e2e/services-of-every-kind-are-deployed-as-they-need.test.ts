import { beforeAll, expect, test } from 'vitest';
import { docker, must, useProject } from './harness.ts';

const project = useProject('e2e-kinds');

beforeAll(async () => {
  await release('v1');
  await project().deploy();
});

test('all kinds run: a job to its end before who waits for it, workers without an address', async () => {
  const shop = project();
  const job = (await shop.containers()).find(({ service }) => service === 'prepare');
  expect(job?.state).toBe('exited');
  expect(await shop.shows('/data/prepared.txt', 'store')).toBe('v1');
  expect(await shop.replicas('worker')).toHaveLength(2);
  expect((await shop.ask('/', { at: 'worker' })).status).toBe(404);
});

test('a service without any health check serves', async () => {
  expect(await project().ask('/', { at: 'plain' })).toMatchObject({ status: 200, version: 'v1' });
});

test('secrets and configs reach the container, and its user owns them', async () => {
  const shop = project();
  expect(await shop.shows('/run/secrets/token')).toBe('a secret token');
  expect(await shop.shows('/settings.txt')).toBe('colour=blue');
  const [replica] = await shop.replicas();
  const mode = await docker('exec', replica?.id ?? '', 'stat', '-c', '%a %u', '/run/secrets/token');
  expect(mode).toBe('444 1000');
  expect(await docker('inspect', replica?.id ?? '')).not.toContain('a secret token');
});

test('who owns a volume is replaced stop-first: the plan says why, and its data survives', async () => {
  const shop = project();
  expect(await shop.ask('/file?path=/data/note.txt', { at: 'store', body: 'keep me' })).toMatchObject({ status: 200 });
  const [before] = await shop.replicas('store');
  await release('v2');
  const plan = must(await shop.horme(['plan']), 0).stdout;
  expect(plan).toMatch(/stop and remove .*-store-1\n +because .*it owns the volume data, so the old one stops first/);
  await shop.deploy();
  const after = await shop.replicas('store');
  expect(after).toHaveLength(1);
  expect(after[0]?.id).not.toBe(before?.id);
  expect(await shop.ask('/', { at: 'store' })).toMatchObject({ status: 200, version: 'v2' });
  expect(await shop.shows('/data/note.txt', 'store')).toBe('keep me');
  expect(await shop.shows('/data/prepared.txt', 'store')).toBe('v2');
});

async function release(version: string): Promise<void> {
  const shop = project();
  await shop.file('token.txt', 'a secret token');
  await shop.file('settings.txt', 'colour=blue');
  const environment = { VERSION: version };
  const write = 'require("node:fs").writeFileSync("/data/prepared.txt", process.env.VERSION)';
  const service = { build: shop.build(), environment };
  await shop.write(environment, {
    replicas: 2,
    app: { secrets: ['token'], configs: [{ source: 'settings', target: '/settings.txt' }] },
    top: {
      secrets: { token: { file: './token.txt' } },
      configs: { settings: { file: './settings.txt' } },
      volumes: { data: {} },
    },
    services: {
      prepare: { ...service, user: '0:0', command: ['node', '-e', write], volumes: ['data:/data'] },
      store: {
        ...service,
        user: '0:0',
        volumes: ['data:/data'],
        depends_on: { prepare: { condition: 'service_completed_successfully' } },
        'x-horme': { route: { host: 'store', port: 8000 }, health: '/health' },
      },
      worker: { ...service, deploy: { replicas: 2 }, stop_grace_period: '1s' },
      plain: { ...service, 'x-horme': { route: { host: 'plain', port: 8000 } } },
    },
  });
}
