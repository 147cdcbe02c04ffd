import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { expectLossless, show, until, useProject } from './harness.ts';

const project = useProject('e2e-rolling');
const run = promisify(execFile);

test('keep-alive, fresh, HTTP/2, 2-second, upload, WebSocket and event stream: none fails, all end on the new version', async () => {
  const shop = project();
  await shop.write({ VERSION: 'v1', BOOT_MS: '1500' });
  await shop.deploy();
  await shop.write({ VERSION: 'v2', BOOT_MS: '1500' });
  const traffic = await shop.traffic();
  await until(traffic, ({ byKind }) => Object.keys(byKind).length === 7 && (byKind.slow?.requests ?? 0) > 1);
  const ran = await shop.deploy();
  await until(traffic, ({ reconnected }) => reconnected >= 5);
  const report = await traffic.stop();
  show('rolling v1 to v2', report, ran);
  expectLossless(report);
  expect(report.versions.map(({ version }) => version)).toEqual(['v1', 'v2']);
  expect(report.told).toBe(5);
  expect(await shop.versions()).toEqual(['v2']);
  expect(ran.json).toMatchObject({ changed: true, proof: { failed: 0 } });
  expect(await shop.replicas()).toHaveLength(3);
});

test('`docker compose ps` and `logs` list what was made', async () => {
  const shop = project();
  const compose = async (...words: string[]): Promise<string> => {
    const { stdout } = await run('docker', ['compose', '-p', shop.project, ...words], { cwd: '/', timeout: 30_000 });
    return stdout;
  };
  const rows = (await compose('ps', '--format', '{{.Name}} {{.Service}} {{.State}}')).trim().split('\n');
  const made = (await shop.containers()).filter(({ role }) => role === '');
  expect(rows.toSorted()).toEqual(made.map(({ name, service, state }) => `${name} ${service} ${state}`).toSorted());
  expect((await compose('logs', 'app')).match(/v2: listening on 8000/g)).toHaveLength(3);
});

test('a deploy of what already runs does nothing', async () => {
  const shop = project();
  const before = await shop.containers();
  const ran = await shop.deploy();
  expect(ran.json).toMatchObject({ changed: false, steps: [] });
  expect(await shop.containers()).toEqual(before);
});

test('what is built again from the same sources is the same image: no replica is replaced', async () => {
  const shop = project();
  const before = await shop.containers();
  expect((await shop.deploy('--build')).json).toMatchObject({ steps: [{ title: 'build app' }] });
  expect(await shop.containers()).toEqual(before);
});
