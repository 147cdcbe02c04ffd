import { beforeEach, expect, test } from 'vitest';
import { content, service } from '../../../deploy/testing.ts';
import { fakeEngine, type FakeEngine } from '../../../engine/fake.ts';
import type { FileEntry } from '../../../engine/engine.ts';
import { toolsImage } from '../../../platform/images.ts';
import { noteSecretFiles } from '../../../release/secret-files.ts';
import type { SecretVolume } from '../../../release/prepare.ts';
import type { ReleaseContent } from '../../../release/release.ts';
import { stateFolder, Store } from '../../../release/store.ts';
import type { Session } from '../../../deploy/session.ts';
import { writeSecrets } from './secrets.ts';

const own = 'shop-local_horme-secrets-api-1';
const migration = 'shop-local_horme-secrets-api-migration-1';
const files = { database_url: 'postgres://' };

let engine: FakeEngine;
let store: Store;
let released: ReleaseContent;
let owners: (string | undefined)[];

beforeEach(async () => {
  engine = fakeEngine();
  engine.addImage({ tags: [toolsImage()] }, { '/horme/with-secrets': 'program' });
  const passwd = 'root:x:0:0::/root:/bin/sh\nnode:x:1000:1001::/home/node:/bin/sh\n';
  const image = engine.addImage({}, { '/etc/passwd': passwd, '/etc/group': 'staff:x:50:node\n' });
  store = await Store.open(engine, 'shop-local', toolsImage());
  const api = service('api', { imageId: image.id, migrationVolume: migration });
  const volumes = [{ type: 'volume', source: own, target: '/run/secrets' }];
  released = content([api], {
    compose: { name: 'shop-local', services: { api: { volumes } } },
    secretVolumes: [own, migration],
  });
  owners = [];
  const put = engine.put.bind(engine);
  engine.put = async (id: string, folder: string, entries: FileEntry[]) => {
    owners.push(...entries.filter(({ path }) => path in files).map(({ uid, gid }) => `${uid}:${gid}`));
    return put(id, folder, entries);
  };
});

const write = () => writeSecrets({ engine } as unknown as Session, store, released);

const secrets = (user: string): SecretVolume[] =>
  [own, migration].map((volume) => ({
    volume,
    files,
    reader: { service: 'api', imageId: 'of another machine', user },
  }));

test.each([
  ['node', '1000:1001'],
  ['7', '7:7'],
  ['7:8', '7:8'],
  ['node:staff', '1000:50'],
  ['', '0:0'],
])('a service and its migration read their secrets again as USER "%s"', async (user, owner) => {
  await noteSecretFiles(store, secrets(user));
  await write();
  expect(owners).toEqual([owner, owner]);
});

test('the migration that an older Horme noted as a service of its own is found too', async () => {
  const noted = {
    [own]: { files, reader: { service: 'api', user: 'node' } },
    [migration]: { files, reader: { service: 'api-migration', user: 'node' } },
  };
  await store.write(stateFolder, [{ path: 'secrets.json', content: JSON.stringify(noted) }]);
  await write();
  expect(owners).toEqual(['1000:1001', '1000:1001']);
});
