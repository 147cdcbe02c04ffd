import { createHmac, randomBytes } from 'node:crypto';
import { makeBackupSecrets, newHistory, unmadeBackupSecrets, type BackupSecrets } from '../parts/backup/secrets.ts';
import {
  makeDatabaseSecrets,
  poolerUsers,
  rotated,
  unmadeSecrets,
  withCurrentNames,
  type DatabaseSecrets,
} from '../parts/database/secrets.ts';
import { labels } from '../engine/labels.ts';
import type { Engine, FileEntry } from '../engine/engine.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import type { SecretName } from '../platform/part.ts';
import type { BackupOptions } from '../stack/stack.ts';
import type { ReleaseContent } from './release.ts';
import { stableJson } from '../fingerprint.ts';
import type { Applied } from './settings.ts';
import { forRootAlone, volumeLabels, type Store } from './store.ts';

const vaultFile = 'vault.json';
/** 32 bytes: what no one guesses and no one types. Hex, so that it needs no escaping in a URL or a configuration. */
const secretBytes = 32;

/** Where a container finds its secrets, as Compose and Swarm have it. */
export const secretsFolder = '/run/secrets';
export const withSecrets = `${secretsFolder}/.horme/with-secrets`;

export interface Vault {
  schema: 'horme.vault/1';
  cachePassword: string;
  database: DatabaseSecrets;
  backup: BackupSecrets;
  /** Keys the names of secret volumes, so that a name tells nothing about a value. */
  volumeKey: string;
}

/** Made once for each environment, at its first deploy; kept on the engine's side, in the state volume. */
export async function openVault(store: Store): Promise<Vault> {
  const existing = await readVault(store);
  if (existing) return completed(store, existing);
  const secret = () => randomBytes(secretBytes).toString('hex');
  const vault: Vault = {
    schema: 'horme.vault/1',
    cachePassword: secret(),
    database: await makeDatabaseSecrets(),
    backup: makeBackupSecrets(new Date()),
    volumeKey: secret(),
  };
  await writeVault(store, vault);
  return vault;
}

/** One that an older version made gets what it lacks. */
async function completed(store: Store, existing: Vault): Promise<Vault> {
  const database = await withCurrentNames(existing.database);
  const lacks = database !== existing.database || (existing as Partial<Vault>).backup === undefined;
  if (!lacks) return existing;
  const vault = { ...existing, database, backup: withDefaults(existing).backup };
  const made = vault.backup === unmadeBackupSecrets ? { ...vault, backup: makeBackupSecrets(new Date()) } : vault;
  await writeVault(store, made);
  return made;
}

/** For a look that changes nothing: what an older version's vault lacks is not made yet. */
export const withDefaults = (vault: Vault): Vault => ({ ...unmadeVault, ...vault });

const writeVault = (store: Store, vault: Vault) => store.writeNow(vaultFile, vault, forRootAlone);

/** A rotation that was not finished goes on: the login before it is still in use, and must not change. */
export async function rotateLogins(store: Store, { generation }: Pick<Applied, 'generation'>): Promise<Vault> {
  const vault = await openVault(store);
  if (vault.database.generation > Math.max(1, generation)) return vault;
  const next = { ...vault, database: rotated(vault.database) };
  await writeVault(store, next);
  return next;
}

/**
 * Data of another major version is another cluster to pgBackRest. Begun before the members are made, and once: an upgrade that
 * was killed goes on in the history that it began.
 */
export async function beginHistoryFor(
  version: number | undefined,
  store: Store,
  live: ReleaseContent | undefined,
  { backup }: Pick<Applied, 'backup'>,
): Promise<void> {
  if (version === undefined || !live?.database || !live.backup || live.database.version === version) return;
  const vault = await openVault(store);
  const { history } = vault.backup;
  const isUsed = history === live.backup.history || backup.startsWith(history);
  if (!isUsed) return;
  await writeHistory(store, vault, newHistory(new Date()));
}

/** From now on the database belongs to this history. */
export const writeHistory = (store: Store, vault: Vault, history: string) =>
  writeVault(store, { ...vault, backup: { ...vault.backup, history } });

export const readVault = (store: Store) => store.readNow<Vault>(vaultFile);

/** For a plan before the first deploy: nothing is made, and nothing that it says depends on a value. */
export const unmadeVault: Vault = {
  schema: 'horme.vault/1',
  cachePassword: '',
  database: unmadeSecrets,
  backup: unmadeBackupSecrets,
  volumeKey: 'unmade',
};

export function secretValue(
  { cachePassword, database, backup }: Vault,
  name: SecretName,
  options: BackupOptions | undefined,
): string {
  const s3 = options?.repositories.find((one) => one.kind === 's3');
  const sftp = options?.repositories.find((one) => one.kind === 'sftp');
  const values: Record<SecretName, string> = {
    'cache-password': cachePassword,
    'replication-password': database.replicationPassword,
    'rewind-password': database.rewindPassword,
    'monitor-password': database.monitorPassword,
    'database-ca': database.authority.certificate,
    'database-cert': database.server.certificate,
    'database-key': database.server.key,
    'pooler-users': poolerUsers(database),
    'backup-cipher': backup.cipher,
    'backup-files-password': backup.filesPassword,
    's3-key-id': s3?.keyId ?? '',
    's3-key-secret': s3?.keySecret ?? '',
    's3-ca': s3?.ca ?? '',
    'sftp-key': sftp?.key ?? '',
    'sftp-known-hosts': sftp?.knownHosts ?? '',
  };
  return values[name];
}

/** A file of the user's: any bytes, and who may read them. Without uid or gid it is the reader's. */
export interface FileBytes {
  base64: string;
  mode: number;
  uid?: number;
  gid?: number;
}

/** By their path in the volume. A text is the platform's own: its reader alone may see it. */
export type SecretFiles = Record<string, string | FileBytes>;

/** One volume for each version of a service's secrets: a new version rolls out like any other change, and back again. */
export function secretVolumeName(vault: Vault, project: string, service: string, files: SecretFiles): string {
  const version = createHmac('sha256', vault.volumeKey).update(stableJson(files)).digest('hex').slice(0, 12);
  return `${project}_horme-secrets-${service}-${version}`;
}

/** Writes the volume through a container of the tools image, which also leaves `with-secrets` in it. Safe to repeat. */
export async function writeSecretVolume(options: {
  engine: Engine;
  project: string;
  volume: string;
  toolsImage: string;
  files: SecretFiles;
  owner: { uid: number; gid: number };
}): Promise<void> {
  const { engine, project, volume, owner } = options;
  await engine.createVolume(volume, volumeLabels(project, volume.slice(project.length + 1)));
  const container = await engine.create({
    image: options.toolsImage,
    labels: { [labels.project]: project, [labels.role]: 'writer' },
    mounts: [`${volume}:/volume`],
  });
  try {
    const tools = await engine.get(container, '/horme');
    const program = tools?.get('horme/with-secrets');
    if (!program) throw new Error('the tools image lacks with-secrets');
    const entries = Object.entries(options.files).map(([path, file]) => entryOf(path, file, owner));
    await engine.put(container, '/volume', [
      { path: '.horme/with-secrets', content: program, mode: 0o755 },
      ...entries,
    ]);
  } finally {
    await engine.remove(container);
  }
}

function entryOf(path: string, file: string | FileBytes, owner: { uid: number; gid: number }): FileEntry {
  if (typeof file === 'string') return { path, content: file, mode: 0o440, ...owner };
  const { base64, mode, uid = owner.uid, gid = owner.gid } = file;
  return { path, content: Buffer.from(base64, 'base64'), mode, uid, gid };
}

/** The uid and gid that an image's USER means, as in `node`, `1000`, `1000:1000`, `node:staff`: by the databases inside the image. */
export async function ownerOf(
  engine: Engine,
  project: string,
  imageId: string,
  user: string,
): Promise<{ uid: number; gid: number }> {
  if (user === '') return { uid: 0, gid: 0 };
  const [name = '', group = ''] = user.split(':');
  if (isNumber(name) && (group === '' || isNumber(group))) return { uid: Number(name), gid: Number(group || name) };
  const container = await engine.create({
    image: imageId,
    command: ['-'],
    labels: { [labels.project]: project, [labels.role]: 'writer' },
  });
  try {
    const entryOf = async (database: 'passwd' | 'group', wanted: string) => {
      const text = (await engine.get(container, `/etc/${database}`))?.get(database)?.toString('utf8') ?? '';
      return text
        .split('\n')
        .map((line) => line.split(':'))
        .find(([one]) => one === wanted);
    };
    const login = isNumber(name) ? [name, '', name] : await entryOf('passwd', name);
    if (!login) throw unknownUser('user', name, 'passwd');
    const gid = group === '' ? login[3] : isNumber(group) ? group : (await entryOf('group', group))?.[2];
    if (gid === undefined) throw unknownUser('group', group, 'group');
    return { uid: Number(login[2]), gid: Number(gid) };
  } finally {
    // Of a user's image, which may have a VOLUME; it never ran.
    await engine.remove(container, { withAnonymousVolumes: true });
  }
}

const isNumber = (text: string) => /^\d+$/.test(text);

function unknownUser(what: string, name: string, database: string): OperatorError {
  return new OperatorError(
    `the image's ${what} "${name}" is not in its /etc/${database}, so nobody could be given its secrets`,
    {
      code: 'user-unknown',
      exitCode: exitCodes.checkFailed,
      next: 'USER 1000:1000 in the Dockerfile, or user: "1000:1000" in the Compose file',
    },
  );
}
