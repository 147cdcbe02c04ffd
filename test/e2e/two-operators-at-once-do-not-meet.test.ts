import { hostname, userInfo } from 'node:os';
import { beforeAll, expect, test } from 'vitest';
import { eventually, must, useProject, type Running } from './harness.ts';

const project = useProject('e2e-operators');

beforeAll(async () => {
  await project().write({ VERSION: 'v1' });
  await project().deploy();
});

test('the second exits 4 and names the holder', async () => {
  const first = await deploying('v2');
  const second = must(await project().horme(['deploy', '--json']), 4);
  expect(second.stdout + second.stderr).toContain(
    `${userInfo().username}@${hostname()} (process ${first.pid}) holds the lock since`,
  );
  must(await first.ended, 0);
  expect(await project().versions()).toEqual(['v2']);
});

test('with --wait it waits, then does its own', async () => {
  const first = await deploying('v3');
  await project().write({ VERSION: 'v4' });
  const second = must(await project().horme(['deploy', '--json', '--wait', '60']), 0);
  must(await first.ended, 0);
  expect(second.events).toContainEqual(
    expect.objectContaining({ kind: 'note', text: expect.stringContaining('waiting for') as string }),
  );
  expect(second.json).toMatchObject({ changed: true });
  expect(await project().versions()).toEqual(['v4']);
});

test('a lock whose holder was killed does not stop the next', async () => {
  const first = await deploying('v5');
  first.kill('SIGKILL');
  expect((await first.ended).signal).toBe('SIGKILL');
  expect(await lockHolders()).toHaveLength(1);
  // Without --wait: a lock that counted would end it.
  await project().deploy();
  expect(await project().versions()).toEqual(['v5']);
  expect(await lockHolders()).toEqual([]);
});

test('Ctrl-C ends the deploy after its step, says where things stand and leaves no lock', async () => {
  const first = await deploying('v6');
  await eventually(
    () => project().replicas(),
    (seen) => seen.length > 3,
  );
  first.kill('SIGINT');
  const ran = must(await first.ended, 130);
  expect(ran.stdout + ran.stderr).toMatch(/3 of release \d+ running, with traffic/);
  expect(await lockHolders()).toEqual([]);
  expect(await project().versions()).toEqual(['v5']);
  await project().deploy();
  expect(await project().versions()).toEqual(['v6']);
  expect(await project().replicas()).toHaveLength(3);
});

const lockHolders = async () => (await project().containers()).filter(({ role }) => role === 'lock');

/** A deploy that holds the lock and takes a while. */
async function deploying(version: string): Promise<Running> {
  await project().write({ VERSION: version, BOOT_MS: '3000' });
  const running = project().start(['deploy', '--json']);
  await eventually(lockHolders, (seen) => seen.length === 1);
  return running;
}
