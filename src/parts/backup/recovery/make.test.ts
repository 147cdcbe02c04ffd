import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../../../engine/process.ts';
import { stackOf, userService } from '../../../release/testing.ts';
import { withoutSecrets } from '../services.ts';
import type { Repository } from '../../../recovery/kit-content.ts';
import { outsideRepository, refuseUndeployed } from './make.ts';

test('a build from outside of the repository is told when the kit is made', async () => {
  const root = await mkdtemp(join(tmpdir(), 'horme-make-'));
  try {
    const directory = join(root, 'apps/shop');
    await mkdir(directory, { recursive: true });
    const name = ['-c', 'user.name=test', '-c', 'user.email=test@localhost'];
    const git = (...words: string[]) => run(['git', ...name, ...words], { cwd: root, deadlineSeconds: 10 });
    const build = (context: string) => ({ definition: { build: { context } } });
    const services = [userService('api', build(join(root, 'lib'))), userService('web', build(join(root, '../lib')))];
    const stack = stackOf(services, { directory });
    expect(await outsideRepository(stack)).toEqual([]);
    await git('init', '--quiet');
    await git('commit', '--quiet', '--allow-empty', '--message', 'none');
    expect(await outsideRepository(stack)).toEqual([
      `web is built from ${join(root, '../lib')}, outside of the repository: a recovery needs that folder too`,
    ]);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});

test('no kit is made of repositories that the live release does not have', () => {
  const bucket = (name: string, keySecret = 'hidden'): Repository => ({
    ...{ kind: 's3', endpoint: 's3.example.com', bucket: name, region: 'eu', prefix: '' },
    ...{ keyId: 'id', keySecret },
  });
  const own = { schedule: '0 3 * * *', drillSchedule: '30 4 * * *', keepDays: 30, encrypt: true };
  const backup = { ...own, volumes: [], assertions: [], repositories: [{ kind: 'local' as const }, bucket('new')] };
  const stack = stackOf([], { parts: { backup } });
  const live = (...repositories: Repository[]) => ({
    parts: { backup: { history: undefined, repositories: repositories.map(withoutSecrets) } },
  });
  refuseUndeployed(stack, undefined);
  refuseUndeployed(stack, live({ kind: 'local' }, bucket('new', 'rotated')));
  for (const other of [live({ kind: 'local' }, bucket('old')), live({ kind: 'local' }), { parts: {} }])
    expect(() => refuseUndeployed(stack, other)).toThrow(/are not those that/);
});
