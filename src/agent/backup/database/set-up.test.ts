import { expect, test } from 'vitest';
import type { Completed } from '../../programs.ts';
import { completed, fakePrograms, local, quiet, s3, testAgent } from '../testing.ts';
import { setUp } from './set-up.ts';
import { failureOf, stanza } from './testing.ts';

const there = JSON.stringify([
  { name: stanza, status: { code: 2, message: 'no valid backups' }, db: [{ 'system-id': 1, version: '17' }] },
]);

/** pgBackRest answers each command by what is left of its answers; the last one stays. */
function stage(answers: Record<string, Completed[]>) {
  const calls: string[] = [];
  const programs = fakePrograms(async ([, command = '', ...options]) => {
    const where = options.find((option) => option.startsWith('--repo=')) ?? '';
    calls.push(`${command} ${where}`.trim());
    const left = answers[command] ?? [completed()];
    return (left.length > 1 ? left.shift() : left[0]) ?? completed();
  });
  const agent = testAgent({ programs, told: { role: 'database', repositories: [local(1), s3(2)] } });
  return { calls, agent };
}

test('repositories that are ready are left as they are, and WAL is seen to arrive in all', async () => {
  const { calls, agent } = stage({ info: [completed(there)] });
  expect(await setUp(agent, {}, quiet)).toEqual({ stanza, repositories: [1, 2] });
  expect(calls).toEqual(['info --repo=1', 'info --repo=2', 'check']);
  expect((await agent.status.read()).setUpAt).toMatch(/Z$/);
});

test('a repository that another command makes ready is waited for', async () => {
  const locked = completed('', 50, 'ERROR: [050]: unable to acquire lock on file');
  const { calls, agent } = stage({ info: [completed('[]'), completed(there)], 'stanza-create': [locked] });
  await setUp(agent, {}, quiet);
  expect(calls).toEqual(['info --repo=1', 'stanza-create', 'info --repo=1', 'info --repo=2', 'check']);
});

test('all that is wrong is said at once', async () => {
  const refused = completed('', 1, 'ERROR: [103]: refused');
  const { agent } = stage({ info: [completed('[]')], 'stanza-create': [refused] });
  const { code, message } = await failureOf(() => setUp(agent, {}, quiet));
  expect(code).toBe('repository-unreachable');
  expect(message.split('\n').map((line) => line.slice(0, 20))).toEqual([
    'repository 1 (local)',
    'repository 2 (s3): p',
  ]);
});

test('WAL that is late once may still arrive; what is late twice does not', async () => {
  const late = completed('', 82, 'ERROR: [082]: WAL segment was not archived before the 60000ms timeout');
  const once = stage({ info: [completed(there)], check: [late, completed()] });
  await setUp(once.agent, {}, quiet);
  const twice = stage({ info: [completed(there)], check: [late] });
  const refused = await failureOf(() => setUp(twice.agent, {}, quiet));
  expect([refused.code, refused.next]).toEqual(['archive-failing', 'horme logs horme-postgres-1']);
});
