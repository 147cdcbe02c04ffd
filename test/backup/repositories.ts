import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../src/engine/process.ts';
import { docker } from '../e2e/harness/docker.ts';
import { eventually } from '../database/scene.ts';
import { ensureImage, fixtures } from './fixture-image.ts';

/** Another run of tests or of the bench may have its own. */
const labelOf = (network: string) => `horme.test.backup=${network}`;
const networkOf = (project: string) => `${project}_horme-backup`;
/** Ceph starts a monitor, an OSD and a gateway, one after another. */
const readySeconds = 180;
const objectSeconds = 60;
/** Ceph's OSD writes its memory to disk meanwhile; the engine kills what takes longer. */
const stopSeconds = 30;

export interface StoredObject {
  key: string;
  bytes: number;
  modified: Date;
}

/** A server that backups go to, in a container: what may happen to it, and what lies in it. */
export interface RepositoryServer {
  /** Of the container. */
  id: string;
  /** All of them without a prefix. */
  objects(prefix?: string): Promise<StoredObject[]>;
  /** Other bytes in the middle, the same length; once more, and it is as it was. */
  corrupt(key: string): Promise<void>;
  remove(key: string): Promise<void>;
  /** Connections hang, without any answer. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Its name no longer resolves. Resolves with what becomes of the data: only moto loses it. */
  stop(): Promise<'kept' | 'lost'>;
  /** Until it answers again. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export interface S3Server extends RepositoryServer {
  /** `https://` and the alias: on port 443, path style. */
  endpoint: string;
  bucket: string;
  region: string;
  keyId: string;
  keySecret: string;
  /** PEM of the authority that signed the server's certificate. */
  ca: string;
}

export interface SftpServer extends RepositoryServer {
  host: string;
  port: number;
  user: string;
  /** Absolute; the user's own, and empty. Keys of objects are paths below it. */
  directory: string;
  /** PEM. */
  key: string;
  /** The line for a known_hosts file. */
  knownHosts: string;
}

export interface Place {
  network: string;
  /** Name on that network; for S3 also in the certificate. */
  alias: string;
}

/** moto lets every key in and keeps all in memory; Ceph checks keys, and takes its time to start. */
export async function startS3(kind: 'moto' | 'ceph', place: Place): Promise<S3Server> {
  const { authority, certificate, key } = await makeCertificate(place.alias);
  const access = { keyId: `KEY${random(8).toUpperCase()}`, keySecret: random(20) };
  const [bucket, region] = ['backups', 'us-east-1'];
  const environment = {
    TLS_AUTHORITY: authority,
    TLS_CERTIFICATE: certificate,
    TLS_KEY: key,
    S3_BUCKET: bucket,
    S3_REGION: region,
    S3_KEY_ID: access.keyId,
    S3_KEY_SECRET: access.keySecret,
  };
  const id = await startContainer(`s3-${kind}`, place, environment);
  const script = readFileSync(join(fixtures, 's3-objects.py'), 'utf8');
  const server = repositoryServer(id, ['python3', '-'], { script, keeps: kind === 'ceph' });
  return { ...server, endpoint: `https://${place.alias}`, bucket, region, ...access, ca: authority };
}

export async function startSftp(place: Place): Promise<SftpServer> {
  const host = generateKeyPairSync('ed25519');
  // libssh2, which pgBackRest uses, takes an Ed25519 key in OpenSSH's own format alone, and Node does not write that.
  const user = generateKeyPairSync('rsa', { modulusLength: 3072 });
  const environment = {
    HOST_KEY: host.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    AUTHORIZED_KEY: sshPublicKey(user.publicKey),
  };
  const id = await startContainer('sftp-server', place, environment);
  return {
    ...repositoryServer(id, ['/sftp/objects'], { keeps: true }),
    ...{ host: place.alias, port: 22, user: 'backup', directory: '/srv/backup' },
    key: user.privateKey.export({ format: 'pem', type: 'pkcs1' }).toString(),
    knownHosts: `${place.alias} ${sshPublicKey(host.publicKey)}\n`,
  };
}

/**
 * The network that backups of a project leave by, as Compose would make it, so that it takes this one for its own: a
 * server can then be there before the first deploy. Close the servers before the project is removed.
 */
export async function ensureNetwork(project: string): Promise<string> {
  const [short, name] = ['horme-backup', networkOf(project)];
  const found = await docker('network', 'ls', '--quiet', '--filter', `name=^${name}$`);
  if (found !== '') return name;
  const labels = [`com.docker.compose.project=${project}`, `com.docker.compose.network=${short}`, labelOf(name)];
  await docker('network', 'create', ...labels.flatMap((one) => ['--label', one]), name);
  return name;
}

/** All servers of the project that are left. A network that others are still on stays: it goes with its project. */
export async function removeRepositories(project: string): Promise<void> {
  const label = labelOf(networkOf(project));
  const containers = words(await docker('ps', '-aq', '--filter', `label=${label}`));
  if (containers.length > 0) await docker('rm', '-fv', ...containers);
  for (const network of words(await docker('network', 'ls', '-q', '--filter', `label=${label}`))) {
    await docker('network', 'rm', network).catch(() => undefined);
  }
}

/** `objects` is a program inside the container that lists, corrupts and removes; with a script it reads that from stdin. */
function repositoryServer(
  id: string,
  objects: string[],
  options: { script?: string; keeps: boolean },
): RepositoryServer {
  const ask = async (verb: string, key: string): Promise<string> => {
    const argv = ['docker', 'exec', '-i', id, ...objects, verb, key];
    const ran = await run(argv, { input: options.script ?? '', deadlineSeconds: objectSeconds });
    if (ran.exitCode !== 0) throw new Error(`${verb} ${key} ended with ${ran.exitCode}\n${ran.stderr}`);
    return ran.stdout;
  };
  return {
    id,
    objects: async (prefix = '') => lines(await ask('list', prefix)).map(storedObject),
    corrupt: async (key) => void (await ask('corrupt', key)),
    remove: async (key) => void (await ask('remove', key)),
    pause: async () => void (await docker('pause', id)),
    resume: async () => void (await docker('unpause', id)),
    stop: async () => {
      await docker('stop', '--time', String(stopSeconds), id);
      return options.keeps ? 'kept' : 'lost';
    },
    start: async () => {
      await docker('start', id);
      await untilReady(id);
    },
    close: async () => void (await docker('rm', '-fv', id)),
  };
}

function storedObject(line: string): StoredObject {
  const { key, bytes, modified } = JSON.parse(line) as { key: string; bytes: number; modified: number };
  return { key, bytes, modified: new Date(modified * 1000) };
}

async function startContainer(fixture: string, place: Place, environment: Record<string, string>): Promise<string> {
  const image = await ensureImage(fixture);
  const variables = Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
  const network = ['--network', place.network, '--network-alias', place.alias];
  const id = await docker('run', '--detach', '--label', labelOf(place.network), ...network, ...variables, image);
  await untilReady(id);
  return id;
}

/** Its entrypoint says so by a file; a container that has ended can't any more. */
async function untilReady(id: string): Promise<void> {
  const look = async (): Promise<'ready' | 'ended'> => {
    if ((await docker('inspect', '--format', '{{.State.Running}}', id)) !== 'true') return 'ended';
    await docker('exec', id, 'cat', '/run/ready');
    return 'ready';
  };
  const seen = await eventually(look, () => true, readySeconds).catch(String);
  if (seen === 'ready') return;
  const { stdout, stderr } = await run(['docker', 'logs', '--tail', '30', id], { deadlineSeconds: objectSeconds });
  throw new Error(`not ready (${seen}):\n${stdout}${stderr}`);
}

/** Its own authority, as a company's server has one: clients must be told of it. Also for localhost, where objects are seen. */
async function makeCertificate(host: string): Promise<{ authority: string; certificate: string; key: string }> {
  const { generate } = await import('selfsigned');
  const shared = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;
  const authority = await generate([{ name: 'commonName', value: 'horme test authority' }], {
    ...shared,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const altNames = [host, 'localhost'].map((value) => ({ type: 2 as const, value }));
  const { cert, private: key } = await generate([{ name: 'commonName', value: host }], {
    ...shared,
    ca: { cert: authority.cert, key: authority.private },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames },
    ],
  });
  return { authority: authority.cert, certificate: cert, key };
}

/** A line for a known_hosts file, with a key that no server has. */
export const strangeKnownHosts = (host: string) =>
  `${host} ${sshPublicKey(generateKeyPairSync('ed25519').publicKey)}\n`;

/** RFC 4253, section 6.6, and RFC 8709, section 4: fields, each after its length. The first byte keeps a modulus positive. */
function sshPublicKey(key: KeyObject): string {
  const { n, e, x } = key.export({ format: 'jwk' });
  const bytes = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64url');
  const type = x === undefined ? 'ssh-rsa' : 'ssh-ed25519';
  const numbers = x === undefined ? [bytes(e), Buffer.concat([Buffer.from([0]), bytes(n)])] : [bytes(x)];
  const sized = [Buffer.from(type), ...numbers].flatMap((field) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(field.length);
    return [length, field];
  });
  return `${type} ${Buffer.concat(sized).toString('base64')}`;
}

const random = (bytes: number): string => randomBytes(bytes).toString('hex');
const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');
