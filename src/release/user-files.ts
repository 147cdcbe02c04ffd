import { stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { undoubled } from '../engine/compose-config.ts';
import { OperatorError, exitCodes } from '../errors.ts';
import { readNamed } from '../stack/regular-file.ts';
import type { Service, Stack } from '../stack/stack.ts';
import type { ComposeMount, ComposeService } from '../engine/compose-model.ts';
import { fingerprint } from '../fingerprint.ts';
import { secretsFolder, type SecretFiles } from './vault.ts';

/** Files from the service's `secrets` and `configs`: stored in its secret volume and mounted from there. */
interface UserFiles {
  files: SecretFiles;
  /** Mounts of single files outside the secrets folder. */
  mounts: (volume: string) => ComposeMount[];
}

type Kind = 'secrets' | 'configs';
type Grant = NonNullable<ComposeService[Kind]>[number];

/** Compose's default. */
const defaultMode = 0o444;
/** Limit, since every deploy reads the state, which contains these files (Swarm's limit is 1 MB). */
const maxBytes = 8 * 1024 ** 2;
/** Folder of the secret volume for files that are mounted outside the secrets folder. */
const elsewhere = '.horme/files';

export async function userFiles(service: Service, stack: Stack): Promise<UserFiles> {
  const files: SecretFiles = {};
  const places: { path: string; target: string }[] = [];
  for (const kind of ['secrets', 'configs'] as const) {
    for (const grant of service.definition[kind] ?? []) {
      const target = targetOf(kind, grant);
      const below = posix.relative(secretsFolder, target);
      const inFolder = below !== '' && !below.startsWith('..') && !below.startsWith('.horme');
      const path = inFolder ? below : `${elsewhere}/${fingerprint(target)}`;
      if (!inFolder) places.push({ path, target });
      files[path] = {
        base64: (await contentOf(kind, grant.source, stack)).toString('base64'),
        ...accessOf(kind, grant),
      };
    }
  }
  return { files, mounts: (volume) => places.map(({ path, target }) => mountOf(volume, path, target)) };
}

/** Compose's defaults: a secret is below /run/secrets, a config at the root. */
function targetOf(kind: Kind, { source, target }: Grant): string {
  const base = kind === 'secrets' ? secretsFolder : '/';
  return posix.resolve(base, String(undoubled(target ?? source)));
}

/** Without uid and gid the owner is the service's user. */
function accessOf(kind: Kind, { source, mode, uid, gid }: Grant): { mode: number; uid?: number; gid?: number } {
  const number = (key: string, value: string) => {
    if (/^\d+$/.test(value)) return Number(value);
    throw refused(kind, source, `its ${key} "${value}" is not a number`, `write the number: the image has the names`);
  };
  return {
    mode: typeof mode === 'string' ? Number.parseInt(mode.replace(/^0o/, ''), 8) : (mode ?? defaultMode),
    ...(uid !== undefined && { uid: number('uid', uid) }),
    ...(gid !== undefined && { gid: number('gid', gid) }),
  };
}

const mountOf = (volume: string, subpath: string, target: string): ComposeMount => ({
  type: 'volume',
  source: volume,
  target,
  read_only: true,
  volume: { subpath },
});

async function contentOf(kind: Kind, source: string, { model, fileVariables }: Stack): Promise<Buffer> {
  const given = model[kind]?.[source];
  if (given?.file !== undefined) return fileContent(kind, source, String(undoubled(given.file)));
  if (given?.content !== undefined) return Buffer.from(String(undoubled(given.content)));
  const variable = given?.environment;
  const value = variable === undefined ? undefined : (process.env[variable] ?? fileVariables[variable]);
  if (value !== undefined) return Buffer.from(value);
  const why = variable === undefined ? 'it has no file, content or variable' : `the variable ${variable} is not set`;
  const next =
    variable === undefined ? 'give it a file: or an environment: in the Compose file' : `export ${variable}=…`;
  throw refused(kind, source, why, next);
}

async function fileContent(kind: Kind, source: string, file: string): Promise<Buffer> {
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) {
    const why = found ? `${file} is not a file` : `there is no file ${file}`;
    throw refused(kind, source, why, 'name a file; a folder is mounted by volumes:');
  }
  if (found.size > maxBytes) {
    const why = `${file} is larger than ${maxBytes / 1024 ** 2} MiB`;
    throw refused(kind, source, why, 'put it into the image, or mount it by volumes:');
  }
  return readNamed(file, `${kind}.${source}`);
}

const refused = (kind: Kind, source: string, why: string, next: string) =>
  new OperatorError(`${kind}.${source} can't be given to its service: ${why}`, {
    code: `${kind.slice(0, -1)}-missing`,
    exitCode: exitCodes.usage,
    next,
  });
