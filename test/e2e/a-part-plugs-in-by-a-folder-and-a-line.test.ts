import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../src/engine/process.ts';
import { docker, must, useProject } from './harness.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const project = useProject('e2e-part');
let folder: string;

/** Horme with the part of test/fixtures: its folder, and its line in the list. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'horme-part-'));
  for (const name of ['src', 'scripts', 'images', 'package.json'])
    await cp(join(root, name), join(folder, name), { recursive: true });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await cp(join(root, 'test/fixtures/part-greeter'), join(folder, 'src/parts/greeter'), { recursive: true });
  const list = join(folder, 'src/parts/index.ts');
  const before = await readFile(list, 'utf8');
  const after = before.replace('edgePart]', 'edgePart, greeterPart]');
  expect(after).not.toBe(before);
  await writeFile(list, `import { greeterPart } from './greeter/index.ts';\n${after}`);
  const built = await run(['node', 'scripts/build.mjs'], { cwd: folder, deadlineSeconds: 60 });
  expect([built.exitCode, built.stderr]).toEqual([0, '']);
  project().use(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function write(greeter: unknown): Promise<void> {
  const compose = project().compose({ VERSION: 'v1' }, { replicas: 1 });
  const extension = compose['x-horme'] as Record<string, unknown>;
  const own = greeter === undefined ? extension : { ...extension, greeter };
  await project().file('compose.yaml', JSON.stringify({ ...compose, 'x-horme': own }));
}

const greeters = async () =>
  (await project().containers()).filter(({ service }) => service === 'horme-greeter').map(({ id }) => id);

test('its container runs with its secret, its step is taken once, and status and check tell of it', async () => {
  await write({ text: 'good morning' });
  const deployed = must(await project().horme(['deploy', '--json']), 0);
  expect(deployed.events).toContainEqual(
    expect.objectContaining({ kind: 'step-finished', title: 'say "good morning"' }),
  );
  const [container] = await greeters();
  expect(await docker('inspect', '--format', '{{json .Mounts}}', container ?? '')).toContain(
    'horme-secrets-horme-greeter-',
  );

  const status = must(await project().horme(['status', '--json']), 0);
  expect(status.json).toMatchObject({ greeter: { said: 'good morning' }, problems: [] });
  const check = must(await project().horme(['check', '--json']), 0);
  expect(check.json['checks']).toContainEqual({ name: 'greeting', ok: true, detail: '12 letters' });

  const again = must(await project().horme(['deploy', '--json']), 0);
  expect(again.json).toMatchObject({ changed: false });
});

test('what changed of it alone is done alone, and its container stays', async () => {
  const before = await greeters();
  await write({ text: 'good night' });
  const deployed = must(await project().horme(['deploy', '--json']), 0);
  const titles = (deployed.json['steps'] as { title: string }[]).map(({ title }) => title);
  expect(titles).toEqual(['say "good night"', 'ask the public address through the edge']);
  expect(await greeters()).toEqual(before);
});

test('a mistake in its key is told as any other, and without the key nothing of it is left', async () => {
  await write({ txet: 'hello' });
  const refused = must(await project().horme(['check']), 2);
  expect(refused.stderr).toMatch(/unknown key.*did you mean "text"/s);
  await write(undefined);
  must(await project().horme(['deploy', '--json']), 0);
  expect(await greeters()).toEqual([]);
});
