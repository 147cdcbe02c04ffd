import { routedServices } from '../../src/traffic/routed.ts';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { api, health, route, service } from '../../src/deploy/testing.ts';
import { selfSigned } from '../../src/parts/edge/certificate.ts';
import { haproxyInstances, renderHaproxy, type Members } from '../../src/traffic/haproxy.ts';
import { configurationFolder, renderNginx } from '../../src/parts/edge/nginx.ts';
import { pageFiles } from '../../src/parts/edge/pages.ts';
import { renderProxy } from '../../src/parts/database/proxy.ts';
import { database } from '../../src/release/testing.ts';
import type { FileEntry } from '../../src/engine/engine.ts';
import { run } from '../../src/engine/process.ts';
import { tagOf } from '../../src/parts/testing.ts';
import type { RoutedService } from '../../src/release/release.ts';

/** What is rendered is checked by the programs that read it, in the images that will run it. */
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'horme-renders-'));
  await chmod(folder, 0o755);
  await write(pageFiles(undefined));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function write(files: FileEntry[]): Promise<void> {
  for (const { path, content } of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

async function check(image: 'nginx' | 'haproxy', argv: string[]): Promise<{ exitCode: number; output: string }> {
  const [program = '', ...rest] = argv;
  const { exitCode, stdout, stderr } = await run(
    [
      ...[
        'docker',
        'run',
        '--rm',
        '--network',
        'none',
        '--label',
        'horme.test=renders',
        '--env',
        'HORME_INSTANCE=haproxy-a',
      ],
      ...[
        '--volume',
        `${folder}:${configurationFolder}:ro`,
        '--tmpfs',
        '/run/nginx:uid=101',
        '--tmpfs',
        '/run/haproxy:uid=101',
      ],
      ...['--tmpfs', '/run/horme:uid=101', '--entrypoint', program, tagOf(image), ...rest],
    ],
    { deadlineSeconds: 60 },
  );
  return { exitCode, output: `${stdout}${stderr}` };
}

const many = Array.from({ length: 50 }, (_, index) =>
  service(`service-${index}`, {
    replicas: 3,
    routes: [{ host: `s${index}.shop.localhost`, path: '/', port: 8000 + index }],
  }),
);
const mixed = [
  api({ routes: [{ ...route(3000), health: { ...health, path: '/health/ready?deep=1' } }] }),
  service('Web_UI', {
    routes: [route(8080, '/web'), route(9090, '/web/admin'), { ...route(8080), host: '*.shop.localhost' }],
  }),
  service('a.b-c', { routes: [route(1, '/~a/b.c_d-e')] }),
];
const limited = [
  service('reports', {
    routes: [
      { ...route(8080, '/reports'), timeoutSeconds: 3600, maxHeaderBytes: 262_144, maxBodyBytes: 1024 ** 4 },
      { ...route(8080, '/small'), timeoutSeconds: 1.5, maxHeaderBytes: 4096, maxBodyBytes: 1024 },
      { ...route(8080, '/odd'), maxHeaderBytes: 100_000 },
    ],
  }),
  service('plain', { routes: [route(9090), { ...route(9090), host: 'other.localhost' }] }),
];
const stacks: [string, RoutedService[]][] = [
  ['one service', [api()]],
  ['hosts, paths and ports of every shape', mixed],
  ['routes with limits of their own', limited],
  ['fifty services', many],
  ['no route at all', []],
];

async function nginx(services: RoutedService[]) {
  const config = renderNginx({ services, httpsPort: 443, certificate: 'test', maxBodyBytes: 10_485_760 });
  await write([...(await selfSigned('test', ['shop.localhost'])), { path: 'nginx/nginx.conf', content: config }]);
  return check('nginx', ['nginx', '-t', '-e', '/dev/stderr', '-c', `${configurationFolder}/nginx/nginx.conf`]);
}

async function haproxy(services: RoutedService[], members: Members) {
  await write([{ path: 'haproxy/haproxy.cfg', content: renderHaproxy(services, members) }]);
  return check('haproxy', ['haproxy', '-c', '-f', `${configurationFolder}/haproxy/haproxy.cfg`]);
}

test.each(stacks)('nginx takes its configuration: %s', async (_what, services) => {
  const { exitCode, output } = await nginx(services);
  expect(output).toContain('test is successful');
  expect(output).not.toMatch(/\[(warn|emerg|alert)\]/);
  expect(exitCode).toBe(0);
});

test.each(stacks)('HAProxy takes its configuration: %s', async (_what, services) => {
  const members = Object.fromEntries(
    services.flatMap(({ name, routes }) => routes.map(({ port }) => [`${name}:${port}`, [`shop-local-${name}-1`]])),
  );
  const { exitCode, output } = await haproxy(services, members);
  expect(output).not.toMatch(/warning|alert/i);
  expect(exitCode).toBe(0);
});

test('HAProxy takes the configuration between two releases, and more members than places', async () => {
  const both = routedServices([api({ routes: [{ ...route(4000), health }] })], [api({ replicas: 9 })]);
  const names = Array.from({ length: 40 }, (_, index) => `api-${index}`);
  const { exitCode, output } = await haproxy(both, { 'api:3000': names, 'api:4000': [] });
  expect(output).not.toMatch(/warning|alert/i);
  expect(exitCode).toBe(0);
});

test.each([0, 1, 4])("HAProxy takes the database's configuration: %d replicas", async (replicas) => {
  // The authority is a secret that only a deploy makes.
  const config = renderProxy(database({ replicas })).replaceAll(
    '/run/secrets/database-ca',
    '/etc/ssl/certs/ca-certificates.crt',
  );
  await write([{ path: 'haproxy/haproxy.cfg', content: config }]);
  const { exitCode, output } = await check('haproxy', [
    'haproxy',
    '-c',
    '-f',
    `${configurationFolder}/haproxy/haproxy.cfg`,
  ]);
  expect(output).not.toMatch(/warning|alert/i);
  expect(exitCode).toBe(0);
});

test('both HAProxies have a name of their own', () => {
  expect(new Set(haproxyInstances).size).toBe(2);
});
