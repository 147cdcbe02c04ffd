import { anew } from '../backup/history.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import { imageTags } from '../platform/images.ts';
import type { ReleaseContent, ReleaseService } from '../release/release.ts';
import { readSecretFiles } from '../release/secret-files.ts';
import type { Store } from '../release/store.ts';
import { ownerOf, writeSecretVolume } from '../release/vault.ts';
import type { Session } from '../session.ts';

/** The volumes of secrets that the release has, out of the state. */
export async function writeSecrets({ engine }: Session, store: Store, content: ReleaseContent): Promise<void> {
  const known = await readSecretFiles(store);
  for (const volume of content.secretVolumes) {
    const secret = known[volume];
    if (!secret) throw lostSecrets(volume);
    const { files, reader } = secret;
    const owner =
      'uid' in reader
        ? { uid: reader.uid, gid: reader.uid }
        : await ownerOf(engine, content.project, imageOf(content, volume), reader.user);
    await writeSecretVolume({ engine, project: content.project, volume, toolsImage: imageTags().tools, files, owner });
  }
}

/** The release says who mounts it: an older Horme noted `api-migration` as the reader, which is no service. */
function imageOf({ services, compose }: ReleaseContent, volume: string): string {
  const mounts = ({ name, migrationVolume }: ReleaseService) =>
    migrationVolume === volume || compose.services[name]?.volumes?.some(({ source }) => source === volume);
  const reader = services.find(mounts);
  if (!reader) throw new Error(`no service of the release reads ${volume}`);
  return reader.imageId;
}

const lostSecrets = (volume: string) =>
  new OperatorError(`the backup does not have the secrets of the volume ${volume}`, {
    code: 'secrets-missing',
    exitCode: exitCodes.checkFailed,
    next: anew('--only-database'),
  });
