import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Image } from '../engine/engine.ts';
import type { Service, Stack } from '../stack/stack.ts';
import type { ServiceImage } from './images.ts';
import { prepare, type Prepared } from './prepare.ts';
import { parts } from '../parts/index.ts';
import { database, secrets as sentinels, stackOf, userService, vault as known } from './testing.ts';
import type { FileBytes, Vault } from './vault.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'horme-prepare-'));
  await writeFile(join(folder, 'key.pem'), 'sentinel-file-secret\n');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const image: Image = {
  ...{
    id: 'sha256:1',
    tags: [],
    digests: [],
    labels: {},
    entrypoint: ['/entry'],
    command: ['serve', '$HOME'],
    user: '1000',
  },
  ...{ exposedPorts: [], volumes: [], shell: [], hasHealthcheck: false, createdSeconds: 0, sizeBytes: 0 },
};

function api(own: Partial<Service> = {}): Service {
  const definition = {
    image: 'api:1',
    environment: { MODE: 'production' },
    secrets: [{ source: 'key' }, { source: 'token' }],
  };
  return userService('api', {
    routes: [{ host: 'shop.localhost', path: '/', port: 3000 }],
    secretVariables: [
      { variable: 'DATABASE_URL', template: '{database-url}' },
      { variable: 'CACHE', template: '{redis-url}?tls=no' },
    ],
    definition,
    ...own,
  });
}

function stack(services: Service[] = [api()]): Stack {
  const cache = { memoryBytes: 64 * 1024 ** 2, persistence: true, eviction: 'noeviction' };
  const plain = stackOf(services, { parts: { database: database(), cache } });
  const secrets = { key: { file: join(folder, 'key.pem') }, token: { environment: 'HORME_TEST_TOKEN' } };
  return { ...plain, model: { ...plain.model, secrets } };
}

interface Given {
  stack?: Stack;
  image?: Partial<Image>;
  vault?: Partial<Vault>;
  scale?: Record<string, number>;
  token?: string;
  kept?: Parameters<typeof prepare>[0]['kept'];
}

async function made(given: Given = {}): Promise<Prepared> {
  process.env['HORME_TEST_TOKEN'] = given.token ?? 'sentinel-environment-secret';
  const whole = given.stack ?? stack();
  const images = whole.services.map(({ name }): ServiceImage => ({
    ...{ service: name, reference: `shop-local/${name}:1`, image: { ...image, ...given.image } },
    ...{ work: undefined, sources: undefined },
  }));
  return prepare({
    ...{ stack: whole, parts, images, platformIds: {}, vault: { ...known, ...given.vault } },
    ...{ settings: { scale: given.scale ?? {}, maintenance: false }, kept: given.kept },
  });
}

const textOf = (file: string | FileBytes) =>
  (typeof file === 'string' ? file : Buffer.from(file.base64, 'base64').toString()).trim();

const apiOf = ({ content }: Prepared) => content.services.find(({ name }) => name === 'api');
const specOf = async (given: Given = {}) => apiOf(await made(given))?.spec;

test('no secret is in what is kept, rendered or given to the engine, in clear or encoded', async () => {
  const prepared = await made();
  const text = JSON.stringify(prepared.content);
  const secrets = prepared.secrets.flatMap(({ files }) => Object.values(files)).map(textOf);
  expect(secrets).toContain('sentinel-file-secret');
  expect(secrets).toContain('sentinel-environment-secret');
  for (const secret of [
    ...secrets,
    sentinels.database.appPassword,
    sentinels.database.ownerPassword,
    sentinels.cache.password,
    known.volumeKey,
  ]) {
    expect(text).not.toContain(secret);
    // An encoded value has one of three forms, by where it begins; the first and last characters depend on what is beside it.
    for (const shift of [0, 1, 2]) {
      expect(text).not.toContain(
        Buffer.from('x'.repeat(shift) + secret)
          .toString('base64')
          .slice(4, -4),
      );
    }
    expect(text).not.toContain(Buffer.from(secret).toString('hex'));
  }
  expect(text).not.toContain('sentinel');
});

test('who needs the database or the cache gets its address from a file, before the program of the image', async () => {
  const { content, secrets } = await made();
  const definition = content.compose.services['api'];
  expect(definition?.entrypoint).toEqual([
    '/run/secrets/.horme/with-secrets',
    'DATABASE_URL=/run/secrets/database_url',
    'CACHE=/run/secrets/cache',
    '--',
    '/entry',
  ]);
  expect(definition?.command).toEqual(['serve', '$$HOME']);
  const files = secrets.find(({ reader }) => 'service' in reader && reader.service === 'api')?.files;
  expect(files?.['database_url']).toBe(
    'postgres://app_1:sentinel-app-password@database:5432/shop?sslmode=verify-full&sslrootcert=/run/secrets/database-ca.crt',
  );
  expect(files?.['cache']).toBe('redis://:sentinel-cache-password@cache:6379/0?tls=no');
});

test('how many replicas run, and what they wait for, makes no replica another one', async () => {
  const before = await specOf();
  expect(await specOf({ scale: { api: 7 } })).toBe(before);
  const waiting = api();
  waiting.definition = { ...waiting.definition, depends_on: { seed: { condition: 'service_started' } } };
  expect(await specOf({ stack: stack([waiting]) })).toBe(before);
  const replicated = api({ replicas: 3 });
  replicated.definition = { ...replicated.definition, deploy: { replicas: 3 } };
  expect(await specOf({ stack: stack([replicated]) })).toBe(before);
});

const withDefinition = (own: Service['definition']): Given => ({
  stack: stack([api({ definition: { ...api().definition, ...own } })]),
});
const changes: [string, () => Given][] = [
  ['its image', () => ({ image: { id: 'sha256:2' } })],
  ['a variable', () => withDefinition({ environment: { MODE: 'test' } })],
  ['a limit', () => withDefinition({ deploy: { resources: { limits: { memory: '64m' } } } })],
  ['a secret of the user', () => ({ token: 'sentinel-another' })],
  [
    'the password of the database',
    () => ({
      vault: { parts: { ...sentinels, database: { ...sentinels.database, appPassword: 'sentinel-new' } } },
    }),
  ],
];
test.each(changes)('a replica is another one by %s', async (_what, given) => {
  expect(await specOf(given())).not.toBe(await specOf());
});

test('the scale that was set by command is kept over what the file says', async () => {
  expect(apiOf(await made({ scale: { api: 7 } }))?.replicas).toBe(7);
  expect((await made({ scale: { api: 7 } })).content.compose.services['api']?.deploy?.replicas).toBe(7);
});

test('services that are not deployed stay as the former release has them, with their secrets', async () => {
  const former = (await made()).content;
  const kept = { former, names: ['api'] };
  const { content } = await made({ token: 'sentinel-changed', image: { id: 'sha256:2' }, kept });
  expect(content.services.find(({ name }) => name === 'api')).toEqual(
    former.services.find(({ name }) => name === 'api'),
  );
  expect(content.secretVolumes).toEqual(
    expect.arrayContaining(former.secretVolumes.filter((name) => name.includes('-api-'))),
  );
});

test('a secret without a value is refused with what to do', async () => {
  const missing = {
    ...stack(),
    model: { ...stack().model, secrets: { key: { external: true }, token: { environment: 'HORME_TEST_UNSET' } } },
  };
  await expect(made({ stack: missing })).rejects.toMatchObject({ code: 'secret-missing' });
});

test('the same wish gives the same release', async () => {
  expect(JSON.stringify(await made())).toBe(JSON.stringify(await made()));
});

test('a config that an older Horme kept in the release stays with the service that stays', async () => {
  const { content: former } = await made();
  const { api: definition } = former.compose.services;
  const older = {
    ...former,
    compose: {
      ...former.compose,
      services: { ...former.compose.services, api: { ...definition, configs: [{ source: 'c', target: '/c' }] } },
      configs: { c: { content: 'text' }, unused: { content: 'text' } },
    },
  };
  const { content } = await made({ kept: { former: older, names: ['api'] } });
  expect(content.compose.configs).toEqual({ c: { content: 'text' } });
});
