import { anew } from '../history.ts';
import { OperatorError, exitCodes } from '../../../errors.ts';
import type { ReleaseContent } from '../../../release/release.ts';
import { readSecretFiles, writeKnown } from '../../../release/secret-files.ts';
import type { Store } from '../../../release/store.ts';
import type { Session } from '../../../deploy/session.ts';

/** Writes the release's secret volumes from the state. */
export async function writeSecrets({ engine }: Session, store: Store, content: ReleaseContent): Promise<void> {
  const known = await readSecretFiles(store);
  for (const volume of content.secretVolumes) {
    const secret = known[volume];
    if (!secret) throw lostSecrets(volume);
    await writeKnown(engine, content, volume, secret);
  }
}

const lostSecrets = (volume: string) =>
  new OperatorError(`the backup does not have the secrets of the volume ${volume}`, {
    code: 'secrets-missing',
    exitCode: exitCodes.checkFailed,
    next: anew('--only-database'),
  });
