import { expect, test } from 'vitest';
import { filesService } from '../names.ts';
import type { Compose } from '../../../engine/compose.ts';
import type { ReleaseContent } from '../../../release/release.ts';
import { restoreCache, restoreFiles } from './data.ts';

const content = {
  project: 'shop-production',
  compose: { name: 'shop-production', services: { [filesService]: {} } },
} as unknown as ReleaseContent;

/** An agent that ends with this line. */
const answering = (line: object) => ({
  content,
  say: () => {},
  compose: {
    runOnce: async (_model, _service, _words, onLine) => {
      onLine(JSON.stringify(line));
      return 1;
    },
  } as Pick<Compose, 'runOnce'> as Compose,
});
const failing = (code: string) => answering({ event: 'error', code, message: 'said' });

test('a volume and a cache without a snapshot begin empty', async () => {
  const brought = { snapshot: '9c1f', repository: 1, at: '2026-11-24T03:00:06Z', files: 1, bytes: 1, seconds: 1 };
  expect(await restoreFiles(answering({ event: 'result', ...brought }), 'media')).toMatchObject({
    at: '2026-11-24T03:00:06Z',
  });
  expect(await restoreFiles(failing('no-snapshot'), 'media')).toEqual({});
  expect(await restoreCache(failing('no-snapshot'))).toEqual({});
});

test('a repository that does not answer is no reason to begin empty', async () => {
  await expect(restoreFiles(failing('repository-unreachable'), 'media')).rejects.toMatchObject({
    code: 'repository-unreachable',
  });
});
