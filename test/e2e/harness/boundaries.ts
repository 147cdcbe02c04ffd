import { expect } from 'vitest';
import { expectLossless, must, quickGets, show, type Project } from '../harness.ts';

/** Two deploys for each boundary: minutes where processes start slowly. */
export const boundariesSeconds = 900;

/**
 * Deploys version after version; kills each deploy at a later boundary between its steps, then deploys again. Ends with the
 * deploy that has no such boundary. Gives the numbers of the boundaries that were tried.
 */
export async function killAtEveryBoundary(shop: Project): Promise<number[]> {
  const environment = (version: string): Record<string, string> => ({ VERSION: version, BOOT_MS: '100' });
  await shop.write(environment('v0'));
  await shop.deploy();
  const traffic = await shop.traffic(quickGets, boundariesSeconds);
  const tried: number[] = [];
  for (let at = 1; ; at++) {
    await shop.write(environment(`v${at}`));
    const killed = await shop.horme(['deploy', '--json'], { HORME_FAULT_KILL_AT: String(at) });
    if (killed.exitCode === 0) break;
    expect(killed.signal).toBe('SIGKILL');
    tried.push(at);
    must(await shop.horme(['deploy', '--json']), 0);
    await expectConverged(shop, `v${at}`, at);
  }
  const report = await traffic.stop();
  show(`killed at ${tried.join(', ')}`, report);
  expectLossless(report);
  return tried;
}

async function expectConverged(shop: Project, version: string, at: number): Promise<void> {
  const containers = await shop.containers();
  const app = containers.filter(({ service }) => service === 'app');
  const where = `after a kill at boundary ${at}`;
  expect(
    app.map(({ state }) => state),
    where,
  ).toEqual(['running', 'running', 'running']);
  expect(new Set(app.map(({ spec }) => spec)).size, where).toBe(1);
  const roles = containers.filter(({ role }) => role !== '').map(({ role }) => role);
  expect(roles, `${where}: no lock and no writer is left`).toEqual(['store']);
  expect(
    containers.filter(({ state, role }) => state !== 'running' && role === ''),
    where,
  ).toEqual([]);
  expect(await shop.versions(), where).toEqual([version]);
}
