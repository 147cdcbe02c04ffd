import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import * as z from 'zod';
import type { ComposeModel } from '../../engine/compose-model.ts';
import type { Repository } from '../../recovery/kit-content.ts';
import { isInside } from '../../stack/contained.ts';
import type { Finding } from '../../stack/locate.ts';
import { keyReader, type Around, type Built } from '../../stack/part-key.ts';
import { readRegular } from '../../stack/regular-file.ts';
import { duration, port, projectFile, schedule } from '../../stack/values.ts';
import { readAssertions, type Assertion } from './assertions.ts';
import type { BackupOptions } from './options.ts';

const word = (what: string) =>
  z.string().regex(/^(?!-)[!-~]{1,1024}$/, { error: `not ${what}; write it without blanks` });
const secret = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^[!-~]+$/, { error: 'not a key; write ${A_VARIABLE}' });
const folder = z
  .string()
  .regex(/^(?!.*(?:^|\/)\.\.(?:\/|$))[\w./@+-]{0,512}$/, { error: 'not a path; use letters, digits and . _ / @ + -' });

const schema = z.strictObject({
  schedule: schedule
    .prefault('0 3 * * *')
    .describe('When backups are taken, as cron has it, in UTC. A missed one is caught up.'),
  drill: schedule
    .prefault('30 4 * * *')
    .describe('When the newest backup is restored beside production, checked and thrown away.'),
  keep: duration
    .prefault('30d')
    .refine((seconds) => seconds >= 86_400, { error: 'too short; keep a day or more, such as 30d' })
    .describe(
      'How far back every second can be restored. Up to a week more is kept, since the backup before it is needed.',
    ),
  encrypt: z
    .boolean()
    .prefault(true)
    .describe('Whether the database’s backups are encrypted. Those of files always are.'),
  volumes: z
    .array(z.string().min(1).max(128))
    .prefault([])
    .describe('Named volumes of the Compose file that are backed up too. The cache and the releases always are.'),
  assertions: projectFile
    .optional()
    .describe('SQL file with your own checks of a restored database. Default: `drill.sql`, where there is one.'),
  s3: z
    .strictObject({
      endpoint: word('an endpoint')
        .refine((text) => !text.startsWith('http://'), { error: 'not TLS; give a host, it is asked by https' })
        .transform((text) => text.replace(/^https:\/\//, '').replace(/\/$/, ''))
        .prefault('s3.amazonaws.com')
        .describe('Host, and port if it is not 443. Always TLS.'),
      bucket: word('a bucket').describe('It must exist.'),
      region: word('a region').prefault('us-east-1').describe('As the provider calls it.'),
      prefix: folder.prefault('').describe('Folder in the bucket; below it each environment has one of its own.'),
      keyId: secret.optional().describe('Default: the variable AWS_ACCESS_KEY_ID of whoever deploys.'),
      keySecret: secret.optional().describe('Default: the variable AWS_SECRET_ACCESS_KEY of whoever deploys.'),
      ca: projectFile.optional().describe('Certificates to trust, for a server of your own. Default: those of Debian.'),
    })
    .optional()
    .describe('A bucket off this machine.'),
  sftp: z
    .strictObject({
      host: word('a host').describe('Name or address of the server.'),
      port: port.prefault(22).describe('Its ssh port.'),
      user: word('a user').describe('Who logs in there.'),
      path: folder.describe('Folder on the server, from its root.'),
      key: projectFile.describe('File with the private key. Keep it out of git.'),
      knownHosts: projectFile.describe('File with the server’s public key, as ssh-keyscan prints it.'),
    })
    .optional()
    .describe('A server off this machine, reached by ssh.'),
});

export const backupKey = keyReader({
  schema: schema
    .optional()
    .describe(
      'Backups of the database (any second of `keep`), the cache, listed volumes and the releases. Without `s3` or `sftp` they lie on this machine and do not survive it.',
    ),
  async options(written, around) {
    return written === undefined ? { value: undefined, findings: [] } : optionsOf(written, around);
  },
});

type BackupExtension = z.output<typeof schema>;

const place = ['x-horme', 'backup'];
const assertionsFile = 'drill.sql';

async function optionsOf(extension: BackupExtension, around: Around): Promise<Built<BackupOptions>> {
  const assertions = await readDrill(extension, around.directory);
  const remote = await Promise.all([s3(extension.s3, around), sftp(extension.sftp, around)]);
  const repositories: Repository[] = [{ kind: 'local' }, ...remote.flatMap(({ value }) => value)];
  const backup: BackupOptions = {
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
  return { value: backup, findings };
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
