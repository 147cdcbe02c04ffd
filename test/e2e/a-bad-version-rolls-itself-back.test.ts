import { beforeAll, expect, test } from 'vitest';
import {
  eventually,
  expectLossless,
  must,
  quickGets,
  show,
  until,
  useProject,
  type ProjectOptions,
  type Ran,
} from './harness.ts';
import type { Report } from './traffic.ts';

const project = useProject('e2e-bad');
/** For what never becomes ready alone: on a slow machine the others need longer. */
const impatient = { app: { 'x-horme': { route: { port: 8000 }, health: '/health', ready: '3s' } } };

beforeAll(async () => {
  await project().write({ VERSION: 'v1' });
  await project().deploy();
});

test('never healthy: the new replicas get no request', async () => {
  const { report, ran } = await deployBad({ VERSION: 'never-healthy', NEVER_HEALTHY: '1' }, impatient);
  expectLossless(report);
  expect(report.versions.map(({ version }) => version)).toEqual(['v1']);
  expect(ran.json['reason']).toContain('did not become ready within 3 s');
});

test('crashing at once: the new replicas get no request, their last words are shown', async () => {
  const { report, ran } = await deployBad({ VERSION: 'crash', CRASH_AFTER_MS: '1' });
  expectLossless(report);
  expect(ran.json['lastSeen']).toContain('crash: crashed as asked, after 1 ms');
});

test('healthy, then crashing while watched: failures end with the rollback', async () => {
  const { report, ran } = await deployBad({ VERSION: 'crash-later', CRASH_AFTER_REQUESTS: '50' });
  expect(report.versions.map(({ version }) => version)).toContain('crash-later');
  expect(ran.json['reason']).toContain('was ready, but then');
  expect(ran.json['lastSeen']).toContain('crashed as asked');
});

test('answering 500: failures end with the rollback', async () => {
  const { ran } = await deployBad({ VERSION: 'errors', ERRORS: '1' });
  expect(ran.json['reason']).toMatch(/requests failed/);
});

/** Deploys what must be rolled back; afterwards v1 serves alone and no request fails any more. */
async function deployBad(
  environment: Record<string, string>,
  options: ProjectOptions = {},
): Promise<{ report: Report; ran: Ran }> {
  const shop = project();
  await shop.write(environment, options);
  const traffic = await shop.traffic(quickGets);
  await until(traffic, ({ requests }) => requests > 20);
  const ran = must(await shop.horme(['deploy', '--json', '--watch', '8']), 10);
  const after = await shop.traffic(quickGets);
  await until(after, ({ requests }) => requests > 100);
  const later = await after.stop();
  const report = await traffic.stop();
  show(environment['VERSION'] ?? '', report, ran);
  expectLossless(later);
  expect(later.versions.map(({ version }) => version)).toEqual(['v1']);
  await eventually(
    () => shop.containers(),
    (seen) => seen.filter(({ service }) => service === 'app').length === 3,
  );
  return { report, ran };
}
