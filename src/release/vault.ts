import { createHmac } from 'node:crypto';
import { labels } from '../engine/labels.ts';
import type { Engine, FileEntry } from '../engine/engine.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import type { Sections } from '../sections.ts';
import { stableJson } from '../fingerprint.ts';
import { forRootAlone, volumeLabels, type Store } from './store.ts';

const vaultFile = 'vault.json';
/** Where a container finds its secrets, as Compose and Swarm have it. */
export const secretsFolder = '/run/secrets';
export const withSecrets = `${secretsFolder}/.horme/with-secrets`;

export interface Vault {
  schema: 'horme.vault/2';
  /** Keys the names of secret volumes, so that a name tells nothing about a value. */
  volumeKey: string;
  /** What each part keeps secret, by the part's name. */
  parts: Sections;
}

/** For a plan before the first deploy: nothing is made, and nothing that it says depends on a value. */
export const unmadeVault: Vault = { schema: 'horme.vault/2', volumeKey: 'unmade', parts: {} };

export const writeVault = (store: Store, vault: Vault) => store.writeNow(vaultFile, vault, forRootAlone);

/** Writes a part's section. */
export async function keepSecrets(store: Store, vault: Vault, part: string, section: unknown): Promise<Vault> {
  const changed = { ...vault, parts: { ...vault.parts, [part]: section } };
  await writeVault(store, changed);
  return changed;
}

export async function readVault(store: Store): Promise<Vault | undefined> {
  const read = await store.readNow<Omit<Vault, 'schema'> & { schema: string }>(vaultFile);
  if (!read) return undefined;
  // Before there were sections, what the parts keep stood beside the rest.
  const { schema, volumeKey, parts, ...flat } = read;
  return schema === 'horme.vault/2'
    ? { schema, volumeKey, parts }
    : { schema: 'horme.vault/2', volumeKey, parts: flat };
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
