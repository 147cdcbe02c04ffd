import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { readAssertions, type Assertion } from '../parts/backup/assertions.ts';
import type { Repository } from '../recovery/kit-content.ts';
import { isInside } from './contained.ts';
import type { Finding } from './locate.ts';
import type { StackExtension } from './schema.ts';
import type { BackupOptions } from './stack.ts';
import type { ComposeModel } from '../engine/compose-model.ts';
import { readRegular } from './regular-file.ts';

type BackupExtension = NonNullable<StackExtension['backup']>;

const place = ['x-horme', 'backup'];
const assertionsFile = 'drill.sql';

interface Around {
  directory: string;
  model: ComposeModel;
  /** Of whoever deploys: it may hold the bucket's keys, by the names that all tools know. */
  variables: NodeJS.ProcessEnv;
}

interface Built<T> {
  value: T;
  findings: Finding[];
}

export async function backupOptions(
  extension: StackExtension['backup'],
  around: Around,
): Promise<{ backup: BackupOptions | undefined; findings: Finding[] }> {
  if (extension === undefined) return { backup: undefined, findings: [] };
  const assertions = await readDrill(extension, around.directory);
  const remote = await Promise.all([s3(extension.s3, around), sftp(extension.sftp, around)]);
  const repositories: Repository[] = [{ kind: 'local' }, ...remote.flatMap(({ value }) => value)];
  const backup = {
    schedule: extension.schedule,
    drillSchedule: extension.drill,
    keepDays: Math.ceil(extension.keep / 86_400),
    encrypt: extension.encrypt,
    volumes: extension.volumes,
    assertions: assertions.value,
    repositories,
  };
  const findings = [
    ...assertions.findings,
    ...remote.flatMap((one) => one.findings),
    ...volumeFindings(extension.volumes, around.model),
  ];
  return { backup, findings };
}

function volumeFindings(volumes: string[], model: ComposeModel): Finding[] {
  return volumes.flatMap((name, index) => {
    if (name in (model.volumes ?? {})) return [];
    const known = Object.keys(model.volumes ?? {});
    const mend = known.length === 0 ? 'take it out' : `known: ${known.join(', ')}`;
    return [{ path: [...place, 'volumes', index], message: 'the Compose file has no such volume', mend }];
  });
}

async function readDrill(extension: BackupExtension, directory: string): Promise<Built<Assertion[]>> {
  const named = extension.assertions;
  const file = resolve(directory, named ?? assertionsFile);
  const isThere = await stat(file).then(
    () => true,
    () => false,
  );
  if (named === undefined && !isThere) return { value: [], findings: [] };
  const path = [...place, ...(named === undefined ? [] : ['assertions'])];
  const read = await projectText(named ?? assertionsFile, directory, path);
  const { assertions, mistakes } = readAssertions(read.value);
  const wrong = mistakes.map(({ line, message, mend }) => ({
    path,
    message: `${named ?? assertionsFile}, line ${line}: ${message}`,
    mend,
  }));
  return { value: assertions, findings: [...read.findings, ...wrong] };
}

async function s3(given: BackupExtension['s3'], { directory, variables }: Around): Promise<Built<Repository[]>> {
  if (given === undefined) return { value: [], findings: [] };
  const { keyId, keySecret, ca, ...where } = given;
  const id = keyId ?? variables['AWS_ACCESS_KEY_ID'] ?? '';
  const secret = keySecret ?? variables['AWS_SECRET_ACCESS_KEY'] ?? '';
  const trust = ca === undefined ? undefined : await projectText(ca, directory, [...place, 's3', 'ca']);
  const missing: Finding = {
    path: [...place, 's3'],
    message: 'there is no key for the bucket',
    mend: 'export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or set keyId and keySecret to ${variables}',
  };
  return {
    value: [{ kind: 's3', ...where, keyId: id, keySecret: secret, ...(trust && { ca: trust.value }) }],
    findings: [...(trust?.findings ?? []), ...(id === '' || secret === '' ? [missing] : [])],
  };
}

async function sftp(given: BackupExtension['sftp'], { directory }: Around): Promise<Built<Repository[]>> {
  if (given === undefined) return { value: [], findings: [] };
  const [key, hosts] = await Promise.all([
    projectText(given.key, directory, [...place, 'sftp', 'key']),
    projectText(given.knownHosts, directory, [...place, 'sftp', 'knownHosts']),
  ]);
  return {
    value: [{ kind: 'sftp', ...given, key: key.value, knownHosts: hosts.value }],
    findings: [...key.findings, ...hosts.findings],
  };
}

async function projectText(name: string, directory: string, path: (string | number)[]): Promise<Built<string>> {
  const file = resolve(directory, name);
  if (!(await isInside(directory, file)))
    return {
      value: '',
      findings: [{ path, message: `${name} leads outside the project directory`, mend: 'copy it into the project' }],
    };
  try {
    return { value: (await readRegular(file)).toString('utf8'), findings: [] };
  } catch {
    return { value: '', findings: [{ path, message: `${name} can't be read`, mend: 'name a file that is there' }] };
  }
}
