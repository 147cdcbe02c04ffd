import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ComposeModel, ComposeService } from '../engine/compose-model.ts';
import { stackOf, userService } from './testing.ts';
import { userFiles } from './user-files.ts';

let folder: string;
/** Every byte once: no text encoding has it. */
const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'horme-user-files-'));
  await writeFile(join(folder, 'bin'), bytes);
  await writeFile(join(folder, 'a$b'), 'dollar');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function filesOf(definition: ComposeService, top: Partial<ComposeModel>, fileVariables: Record<string, string> = {}) {
  const service = userService('web', { definition });
  const stack = stackOf([service], { fileVariables });
  return userFiles(service, { ...stack, model: { ...stack.model, ...top } });
}

test('a secret is bytes, with its mode and owner; 0444 and the reader where the file says nothing', async () => {
  const secrets = { s: { file: join(folder, 'bin') } };
  const granted = [{ source: 's', target: '/run/secrets/s', mode: '0400', uid: '33', gid: '44' }];
  const { files, mounts } = await filesOf({ secrets: granted }, { secrets });
  expect(files).toEqual({ s: { base64: bytes.toString('base64'), mode: 0o400, uid: 33, gid: 44 } });
  expect(mounts('v')).toEqual([]);
  const plain = await filesOf(
    {
      secrets: [
        { source: 's', mode: 0o440 },
        { source: 's', target: 'deep/t' },
      ],
    },
    { secrets },
  );
  expect(plain.files['s']).toEqual({ base64: bytes.toString('base64'), mode: 0o440 });
  expect(plain.files['deep/t']).toMatchObject({ mode: 0o444 });
});

test('a config, or a secret with a target elsewhere, is mounted from the volume as a single file', async () => {
  const top = { configs: { c: { file: join(folder, 'bin') } }, secrets: { s: { content: 'x' } } };
  const definition = { configs: [{ source: 'c' }], secrets: [{ source: 's', target: '/etc/key' }] };
  const { files, mounts } = await filesOf(definition, top);
  const mounted = mounts('v');
  expect(mounted.map(({ target, read_only: readOnly }) => [target, readOnly])).toEqual([
    ['/etc/key', true],
    ['/c', true],
  ]);
  expect(mounted.map(({ volume }) => (volume as { subpath: string }).subpath)).toEqual(Object.keys(files));
});

test('values come from the content, a variable of the shell, and the environment files', async () => {
  process.env['HORME_TEST_SHELL'] = 'shell';
  const configs = {
    content: { content: 'a$$b' },
    shell: { environment: 'HORME_TEST_SHELL' },
    dotenv: { environment: 'HORME_TEST_DOTENV' },
    dollar: { file: join(folder, 'a$$b') },
  };
  const given = Object.keys(configs).map((source) => ({ source, target: `/run/secrets/${source}` }));
  const variables = { HORME_TEST_SHELL: 'no', HORME_TEST_DOTENV: 'dotenv' };
  const { files } = await filesOf({ configs: given }, { configs }, variables);
  const texts = Object.values(files).map((file) =>
    Buffer.from((file as { base64: string }).base64, 'base64').toString(),
  );
  expect(texts).toEqual(['a$b', 'shell', 'dotenv', 'dollar']);
});

test.each([
  ['a folder', () => ({ file: folder }), /not a file/],
  ['no such file', () => ({ file: join(folder, 'none') }), /there is no file/],
  ['an unset variable', () => ({ environment: 'HORME_TEST_UNSET' }), /HORME_TEST_UNSET is not set/],
])('%s is refused with what to do', async (_what, secret, message) => {
  const wanted = filesOf({ secrets: [{ source: 's' }] }, { secrets: { s: secret() } });
  await expect(wanted).rejects.toMatchObject({
    code: 'secret-missing',
    message: expect.stringMatching(message) as string,
  });
});

test('an owner is a number, because names are the image’s', async () => {
  const secrets = { s: { content: 'x' } };
  await expect(filesOf({ secrets: [{ source: 's', uid: 'postgres' }] }, { secrets })).rejects.toThrow(
    /"postgres" is not/,
  );
});
