import { beforeEach, expect, test, vi } from 'vitest';
import { fakeEngine, type FakeEngine } from '../engine/fake.ts';
import { RecoveryLog } from './log.ts';

let engine: FakeEngine;
beforeEach(() => {
  engine = fakeEngine();
  engine.addImage({ tags: ['tools'] });
});

class Killed extends Error {}

/** Throws at the boundary of this number, as HORME_FAULT_KILL_AT would kill. */
function open(killedAt = 0): Promise<RecoveryLog> {
  let passed = 0;
  return RecoveryLog.open(engine, 'shop-production', 'tools', () => {
    passed += 1;
    if (passed === killedAt) throw new Killed();
  });
}

test('killed at each boundary in turn, every step is done in the end, and what was noted is not done again', async () => {
  const steps = { state: vi.fn(async () => 'taken'), database: vi.fn(async () => 'restored') };
  const run = async (killedAt: number) => {
    const log = await open(killedAt);
    const results = [await log.once('state', steps.state), await log.once('database', steps.database)];
    return { log, results };
  };
  const calls = () => [steps.state.mock.calls.length, steps.database.mock.calls.length];
  for (const [at, expected] of [
    [1, [0, 0]],
    [2, [1, 0]],
    [3, [2, 0]],
    [4, [2, 1]],
  ] as const) {
    await expect(run(at)).rejects.toThrow(Killed);
    expect(calls()).toEqual(expected);
  }
  const { log, results } = await run(5);
  expect(results).toEqual(['taken', 'restored']);
  expect(calls()).toEqual([2, 2]);
  expect(Object.keys(log.seconds)).toEqual(['state', 'database']);
  await run(0);
  expect(calls()).toEqual([2, 2]);
});

test('an engine with anything of the project is refused, and is empty again when a recovery has ended', async () => {
  await (await open()).end();
  await (await open()).end();
  await engine.createVolume('shop-production_uploads', { 'com.docker.compose.project': 'shop-production' });
  await expect(open()).rejects.toMatchObject({ code: 'not-empty' });
});
