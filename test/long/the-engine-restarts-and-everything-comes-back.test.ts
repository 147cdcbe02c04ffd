import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test, type TestContext } from 'vitest';
import { healed } from '../database/faults.ts';
import { docker, eventually, must, quickGets, show, until, useProject } from '../e2e/harness.ts';

const project = useProject('e2e-restart');
const root = fileURLToPath(new URL('../..', import.meta.url));
const pidFile = '/var/run/docker.pid';

/** It stops every container of the machine, so that it must be allowed by name; a CI machine is for that. */
function refusal(): string | undefined {
  const { env } = process;
  if (env['CI'] !== 'true' && env['HORME_MAY_RESTART_ENGINE'] !== '1')
    return 'it restarts the engine with all that runs on it: HORME_MAY_RESTART_ENGINE=1 allows it';
  if (existsSync('/run/systemd/system') || !existsSync(pidFile)) return 'the engine was not started by bin/setup';
  return undefined;
}

test('the engine stopped and started: all containers come back by themselves and serve', async (context: TestContext) => {
  const why = refusal();
  if (why !== undefined) return context.skip(why);
  const shop = project();
  await shop.write({ VERSION: 'v1' });
  await shop.deploy();
  // Another health path and another address: HAProxy and nginx have been reloaded.
  const route = [{ port: 8000 }, { host: 'other', port: 8000 }];
  await shop.write({ VERSION: 'v2' }, { app: { 'x-horme': { route, health: '/' } } });
  await shop.deploy();
  const before = await shop.containers();

  let started = 0;
  await healed(stopEngine, async () => {
    started = performance.now();
    await startEngine();
  });
  await eventually(
    () => shop.versions(3).catch(() => []),
    (versions) => versions.join() === 'v2',
    60,
  );
  console.log(`serving ${((performance.now() - started) / 1000).toFixed(1)} s after the engine was started`);

  const traffic = await shop.traffic(quickGets);
  const report = await until(traffic, ({ requests }) => requests > 500);
  await traffic.stop();
  show('after the engine came back', report);
  expect(report.failed).toBe(0);
  await expect.poll(() => shop.containers(), { timeout: 60_000 }).toEqual(before);
  const status = await eventually(
    async () => must(await shop.horme(['status', '--json']), 0).json['problems'] as string[],
    (problems) => problems.length === 0,
    60,
  );
  expect(status).toEqual([]);
  expect((await shop.deploy()).json).toMatchObject({ changed: false });
  await shop.write({ VERSION: 'v3' });
  await shop.deploy();
  expect(await shop.versions()).toEqual(['v3']);
});

async function stopEngine(): Promise<void> {
  const pid = Number(readFileSync(pidFile, 'utf8'));
  process.kill(pid, 'SIGTERM');
  await eventually(
    async () => existsSync(`/proc/${pid}`),
    (runs) => !runs,
    90,
  );
}

async function startEngine(): Promise<void> {
  const words = ['-c', 'source bin/setup && horme_start_engine'];
  await promisify(execFile)('bash', words, { cwd: root, timeout: 90_000 });
  await docker('version');
}
