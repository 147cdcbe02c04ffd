import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, open } from 'node:fs/promises';
import https from 'node:https';
import { join } from 'node:path';
import { beforeAll, expect, inject, test } from 'vitest';
import { eventually, must, useProject } from '../e2e/harness.ts';

const project = useProject('waits');
const routes = [
  { port: 8000 },
  { port: 8000, path: '/slow', timeout: '2s' },
  { port: 8000, host: 'patient', timeout: '90s', maxHeader: '32k', maxBody: '1k' },
];
const app = (own: object = {}, horme: object = {}) => ({
  replicas: 1,
  app: { 'x-horme': { route: routes, health: '/health', ready: '8s', ...horme }, ...own },
});

beforeAll(async () => {
  const folder = join(project().directory, 'app');
  // What no builder takes, and the shell of whoever wrote the image.
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  await appendFile(join(folder, 'Dockerfile'), 'SHELL ["/bin/bash", "-c"]\n');
  await project().write({ VERSION: 'v1' }, app({ healthcheck: { test: '[[ 1 == 1 ]]', interval: '1s' } }));
  await project().deploy();
});

/** The status of an answer that may take longer, or have a larger header, than usual. */
function statusOf(path: string, own: { at?: string; body?: string; headers?: Record<string, string> } = {}) {
  const { host, ports } = project();
  const name = own.at === undefined ? host : `${own.at}.${host}`;
  return new Promise<number>((resolve, reject) => {
    const request = https.request({
      ...{ host: '127.0.0.1', port: ports.https, path, servername: name, rejectUnauthorized: false, agent: false },
      ...{ method: own.body === undefined ? 'GET' : 'POST', maxHeaderSize: 65_536, timeout: 100_000 },
      headers: { host: name, ...own.headers },
    });
    request.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on('error', reject);
    request.end(own.body);
  });
}

test('an answer may take as long, and headers and bodies be as large, as their route says', async () => {
  const at = 'patient';
  // Longer than the 60 s and 65 s of the edge itself. No client decides how long the edge waits: neither for longer nor for less.
  const headers = { 'X-Horme-Timeout': '500' };
  const slow = statusOf('/slow?ms=67000', { at, headers });
  expect(await statusOf('/slow?ms=4000', { headers: { 'X-Horme-Timeout': '60000' } })).toBe(504);
  expect(await statusOf('/slow?ms=500')).toBe(200);
  expect(await statusOf('/header?bytes=17000', { at })).toBe(200);
  expect(await statusOf('/header?bytes=17000')).toBe(502);
  expect(await statusOf('/header?bytes=40000', { at })).toBe(502);
  // It is Node itself that takes no more than 16 KiB: the edge let it through.
  expect(await statusOf('/', { at, headers: { 'x-large': 'a'.repeat(17_000) } })).toBe(431);
  expect(await statusOf('/', { headers: { 'x-large': 'a'.repeat(17_000) } })).toBe(400);
  expect(await statusOf('/upload', { at, body: 'a'.repeat(2000) })).toBe(413);
  expect(await statusOf('/upload', { body: 'a'.repeat(2000) })).toBe(200);
  expect(await slow).toBe(200);
});

const neverEnds = { healthcheck: { test: ['CMD', 'sleep', '999'], timeout: '2s', interval: '2s', retries: 2 } };

test('a health command that never ends fails the deploy when its time is over', async () => {
  await project().write({ VERSION: 'v2' }, app(neverEnds));
  const ran = must(await project().horme(['deploy', '--json']), 10);
  expect(ran.json).toMatchObject({ reason: expect.stringMatching(/within 8 s: health check .*within/) as string });
  expect(await project().versions()).toEqual(['v1']);
});

test('SIGTERM does not wait for it', async () => {
  await project().write({ VERSION: 'v2' }, app(neverEnds, { ready: '10m' }));
  const running = project().start(['deploy', '--json']);
  await eventually(
    () => project().replicas(),
    (seen) => seen.length > 1,
  );
  running.kill('SIGTERM');
  const killed = performance.now();
  must(await running.ended, 130);
  expect((performance.now() - killed) / 1000).toBeLessThan(15);
  expect((await project().containers()).filter(({ role }) => role === 'lock')).toEqual([]);
});

test('a log beside the Dockerfile, which grows while it is built, has an image, and is told', async () => {
  await project().write({ VERSION: 'v3' }, app());
  const log = await open(join(project().directory, 'app/deploy.log'), 'w');
  const bundle = join(inject('horme'), 'dist/horme.cjs');
  const child = spawn(process.execPath, [bundle, 'deploy'], {
    cwd: project().directory,
    stdio: ['ignore', log.fd, log.fd],
  });
  const [code] = (await once(child, 'exit')) as [number];
  await log.close();
  const said = await project().read('app/deploy.log');
  expect([code, said]).toEqual([0, expect.stringContaining('name it in .dockerignore') as string]);
  expect(await project().versions()).toEqual(['v3']);
});
