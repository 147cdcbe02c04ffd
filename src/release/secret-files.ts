import type { Engine } from '../engine/engine.ts';
import { toolsImage } from '../platform/images.ts';
import type { SecretVolume } from './prepare.ts';
import type { ReleaseContent, ReleaseService } from './release.ts';
import { forRootAlone, stateFolder, type Store } from './store.ts';
import { ownerOf, writeSecretVolume, type SecretFiles } from './vault.ts';

/** What is in the secret volumes, by volume: from it they are made again on another machine. */
type KnownSecrets = Record<string, { files: SecretFiles; reader: { uid: number } | { service: string; user: string } }>;

const secretsFile = 'secrets.json';

export const readSecretFiles = async (store: Store): Promise<KnownSecrets> =>
  (await store.readJson<KnownSecrets>(`${stateFolder}/${secretsFile}`)) ?? {};

/** Beside the vault, and as secret as that: the state is backed up encrypted. */
export async function noteSecretFiles(store: Store, secrets: SecretVolume[]): Promise<void> {
  const known = await readSecretFiles(store);
  const added = secrets.filter(({ volume }) => !(volume in known));
  if (added.length === 0) return;
  const entries = added.map(({ volume, files, reader }) => [
    volume,
    { files, reader: 'uid' in reader ? reader : { service: reader.service, user: reader.user } },
  ]);
  await write(store, { ...known, ...(Object.fromEntries(entries) as KnownSecrets) });
}

/** Makes a volume that the engine doesn't have, or may have half written, out of the state. */
export async function writeKnown(
  engine: Engine,
  content: ReleaseContent,
  volume: string,
  { files, reader }: KnownSecrets[string],
): Promise<void> {
  const known = 'uid' in reader ? reader : { imageId: imageOf(content, volume), user: reader.user };
  await writeVolume(engine, content.project, { volume, files, reader: known });
}

/** Readable for its reader: the platform's fixed uid, or whoever the image's USER is. */
export async function writeVolume(
  engine: Engine,
  project: string,
  {
    volume,
    files,
    reader,
  }: { volume: string; files: SecretFiles; reader: { uid: number } | { imageId: string; user: string } },
): Promise<void> {
  const owner =
    'uid' in reader
      ? { uid: reader.uid, gid: reader.uid }
      : await ownerOf(engine, project, reader.imageId, reader.user);
  await writeSecretVolume({ engine, project, volume, toolsImage: toolsImage(), files, owner });
}

/** The release says who mounts it: an older Horme noted `api-migration` as the reader, which is no service. */
function imageOf({ services, compose }: ReleaseContent, volume: string): string {
  const mounts = ({ name, migrationVolume }: ReleaseService) =>
    migrationVolume === volume || compose.services[name]?.volumes?.some(({ source }) => source === volume);
  const reader = services.find(mounts);
  if (!reader) throw new Error(`no service of the release reads ${volume}`);
  return reader.imageId;
}

/** Of volumes that no kept release has. */
export async function forgetSecretFiles(store: Store, wanted: Set<string>): Promise<void> {
  const known = await readSecretFiles(store);
  const kept = Object.entries(known).filter(([volume]) => wanted.has(volume));
  if (kept.length < Object.keys(known).length) await write(store, Object.fromEntries(kept));
}

const write = (store: Store, secrets: KnownSecrets) =>
  store.write(stateFolder, [{ path: secretsFile, content: JSON.stringify(secrets), ...forRootAlone }]);
