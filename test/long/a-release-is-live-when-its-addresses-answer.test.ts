import { expect, test } from 'vitest';
import {
  eventually,
  expectLossless,
  must,
  quickGets,
  show,
  until,
  useProject,
  type ProjectOptions,
} from '../e2e/harness.ts';

const project = useProject('long-live');
/** The watch as users have it; requests that hang are not worth half a minute of draining each time. */
const watched: ProjectOptions = { deploy: { watch: '10s', drain: '3s' } };
const worker = (environment: Record<string, string>) => ({
  worker: { build: project().build(), init: true, environment },
});

test('two ports that one health path does not fit: not live, and the one that fails is named', async () => {
  const shop = project();
  const route = [{ port: 8000 }, { host: 'admin', port: 9000 }];
  const environment = { VERSION: 'v1', ADMIN_PORT: '9000', HOSTS: `${shop.host},admin.${shop.host}` };
  await shop.write(environment, { app: { 'x-horme': { route, health: '/health', ready: '5s' } } });
  const refused = must(await shop.horme(['deploy', '--json']), 11);
  expect(refused.json['reason']).toContain('port 9000: GET /health for admin.long-live.localhost answered 404');
});

test('with a health check for each port, and an application that answers its own names alone, both are live', async () => {
  const shop = project();
  const route = [{ port: 8000 }, { host: 'admin', port: 9000, health: '/up' }];
  const environment = { VERSION: 'v1', ADMIN_PORT: '9000', HOSTS: `${shop.host},admin.${shop.host}` };
  await shop.write(environment, { app: { 'x-horme': { route, health: '/health' } }, services: worker({}) });
  await shop.deploy();
  for (let second = 0; second < 5; second += 1) {
    expect([(await shop.ask('/')).status, (await shop.ask('/', { at: 'admin' })).status]).toEqual([200, 200]);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  expect(await problems()).toEqual([]);
});

test('healthy, but every real request hangs: the release before serves again, long before the clients give up', async () => {
  const { report, ran } = await deployBad({ VERSION: 'hangs', HANG: '1' });
  expect(ran.json['reason']).toMatch(/without an answer|no answer/);
  expect(report.failed).toBeLessThan(report.requests * 0.05);
});

test('half of all answers fail, after a version that was rolled back too', async () => {
  const { ran } = await deployBad({ VERSION: 'half', ERRORS: '0.5' });
  expect(ran.json['reason']).toMatch(/requests failed/);
});

test('all replicas end six seconds after their start: hardly a request is lost', async () => {
  const { report } = await deployBad({ VERSION: 'crashes', CRASH_AFTER_MS: '6000' });
  expect(report.failed).toBeLessThan(5);
});

test('a page that is gone is a loss, though the health path answers', async () => {
  const { ran } = await deployBad({ VERSION: 'gone', NOT_FOUND: '1' });
  expect(ran.json['reason']).toMatch(/answered 404; 200 before/);
});

test('a worker that crashes while it is watched brings the release before back', async () => {
  const shop = project();
  await write({ VERSION: 'v1' }, { CRASH_AFTER_MS: '6000', VERSION: 'w2' });
  const ran = must(await shop.horme(['deploy', '--json']), 10);
  expect(ran.json['reason']).toMatch(/long-live-local-worker-\d+ was ready, but then/);
  expect(await problems()).toEqual([]);
});

test('an address that fails is asked without a watch too; status names replicas that are restarted again and again', async () => {
  const shop = project();
  await write({ VERSION: 'hangs', HANG: '1' }, {});
  const refused = must(await shop.horme(['deploy', '--json', '--watch', '0']), 10);
  expect(refused.json['reason']).toMatch(/GET https:\/\/long-live\.localhost:\d+\/: no answer within/);
  await write({ VERSION: 'v1' }, { CRASH_AFTER_MS: '6000', VERSION: 'w3' });
  must(await shop.horme(['deploy', '--json', '--watch', '0']), 0);
  await eventually(problems, (seen) => seen.some((line) => /worker-\d+ was restarted/.test(line)));
});

const problems = async () => must(await project().horme(['status', '--json']), 0).json['problems'] as string[];

async function write(app: Record<string, string>, own: Record<string, string>): Promise<void> {
  await project().write(app, { ...watched, services: worker(own) });
}

/** Deploys what must be rolled back, under traffic; afterwards v1 alone serves and no request fails any more. */
async function deployBad(environment: Record<string, string>) {
  const shop = project();
  await write({ VERSION: 'v1' }, {});
  await shop.deploy('--watch', '0');
  await write(environment, {});
  const traffic = await shop.traffic(quickGets);
  await until(traffic, ({ requests }) => requests > 20);
  const ran = must(await shop.horme(['deploy', '--json']), 10);
  const report = await traffic.stop();
  show(environment['VERSION'] ?? '', report, ran);
  const after = await shop.traffic(quickGets);
  await until(after, ({ requests }) => requests > 100);
  const later = await after.stop();
  expectLossless(later);
  expect(later.versions.map(({ version }) => version)).toEqual(['v1']);
  return { report, ran };
}
