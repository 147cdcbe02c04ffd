import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { run } from '../../src/engine/process.ts';
import { must, useProject } from '../e2e/harness.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** The last one that kept the parts' secrets, marks and settings beside each other, before each part had a section. */
const flat = '1d513abd5c87f1afa70b323141d83be489474b51';
const { exitCode } = await run(['git', 'cat-file', '-e', `${flat}^{commit}`], { cwd: root, deadlineSeconds: 10 });

describe.skipIf(exitCode !== 0)(
  `what Horme kept at ${flat.slice(0, 7)} (skipped without the history of the repository)`,
  () => {
    const project = useProject('long-carried');
    let former: string;

    beforeAll(async () => {
      former = await mkdtemp(join(tmpdir(), 'horme-former-'));
      const archive = join(former, 'horme.tar');
      for (const words of [
        ['git', 'archive', '--output', archive, flat, 'src', 'scripts', 'images', 'package.json'],
        ['tar', '-xf', archive, '-C', former],
      ])
        expect((await run(words, { cwd: root, deadlineSeconds: 60 })).exitCode).toBe(0);
      await symlink(join(root, 'node_modules'), join(former, 'node_modules'));
      const built = await run(['node', 'scripts/build.mjs'], { cwd: former, deadlineSeconds: 60 });
      expect([built.exitCode, built.stderr]).toEqual([0, '']);
      await write('v1');
    });
    afterAll(() => rm(former, { recursive: true, force: true }));

    async function write(version: string): Promise<void> {
      const environment = { VERSION: version, DATABASE_URL: '${DATABASE_URL}', REDIS_URL: '${REDIS_URL}' };
      const compose = project().compose(environment, { replicas: 2 });
      const extension = compose['x-horme'] as Record<string, unknown>;
      const whole = { ...compose, 'x-horme': { ...extension, database: { memory: '128m' }, cache: {} } };
      await project().file('compose.yaml', JSON.stringify(whole));
    }
    const containers = async () => (await project().containers()).map(({ id, state }) => `${id} ${state}`).sort();

    test('there is nothing to do, and no container is another one', async () => {
      project().use(former);
      await project().deploy();
      const before = await containers();
      project().use(inject('horme'));
      const again = must(await project().horme(['deploy', '--json']), 0);
      expect(again.json).toMatchObject({ changed: false });
      expect(await containers()).toEqual(before);
      const status = must(await project().horme(['status', '--json']), 0);
      expect(status.json).toMatchObject({ problems: [], release: 1 });
    });

    test('the next release changes what changed, and the former one is rolled back to', async () => {
      await write('v2');
      const deployed = await project().deploy();
      const touched = (deployed.json['steps'] as { title: string }[]).map(({ title }) => title).join();
      expect(touched).not.toMatch(/horme-(postgres|redis|database|haproxy|nginx|gate)/);
      expect(await project().versions()).toEqual(['v2']);
      must(await project().horme(['rollback', '--json']), 0);
      expect(await project().versions()).toEqual(['v1']);
      must(await project().horme(['releases', '--verify']), 0);
      const again = must(await project().horme(['deploy', '--dry-run', '--json']), 0);
      expect(JSON.stringify(again.json['steps'])).not.toMatch(/horme-(postgres|redis|database|haproxy|nginx|gate)/);
    });
  },
);
