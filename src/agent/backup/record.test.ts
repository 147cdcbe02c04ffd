import { beforeEach, expect, test } from 'vitest';
import type { OperatorError } from '../../errors.ts';
import { failure } from '../failure.ts';
import type { Agent } from './agent.ts';
import type { Status } from './known.ts';
import { recordOutcome, recordTyped } from './record.ts';
import { testAgent } from './testing.ts';

const fields = { lastSlot: '2026-11-24T03:00:00Z', stateSeen: '1 2' };
let agent: Agent;
beforeEach(() => void (agent = testAgent()));

async function recorded(error?: OperatorError): Promise<Status> {
  await recordOutcome(agent, 'backup', fields, error);
  return agent.status.read();
}

test('a good run is handled', async () => {
  expect(await recorded()).toMatchObject(fields);
});

test('a repository that failed is tried again by itself, and the slot is over', async () => {
  const known = await recorded(failure('backup-failed', 'refused'));
  expect(known).toEqual({ lastSlot: fields.lastSlot, failures: { backup: 'refused' } });
});

test('a backup of the files of all repositories mends that of the state', async () => {
  for (const [given, left] of [
    [fields, null],
    [{ lastSlot: fields.lastSlot }, 'refused'],
  ] as const) {
    await agent.status.update((known) => void (known.failures = { state: 'refused' }));
    await recordOutcome(agent, 'backup', given, undefined);
    expect((await agent.status.read()).failures?.['state']).toBe(left);
  }
  await recordTyped(agent, 'backup', {});
  expect((await agent.status.read()).failures?.['state']).toBeNull();
});

test('a run that never was leaves its slot due', async () => {
  expect(await recorded(failure('bug', 'a stack'))).not.toHaveProperty('lastSlot');
});
