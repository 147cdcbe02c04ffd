import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { packTar } from '../../src/engine/archive.ts';
import { labels } from '../../src/engine/labels.ts';
import { exitCodes } from '../../src/errors.ts';
import { sealKit } from '../../src/recovery/kit.ts';
import type { KitContent } from '../../src/recovery/kit-content.ts';
import { commands } from '../../src/commands/index.ts';

/** From the first interrupt to the end of the process, when nothing answers any more; the patience with it and some for a busy machine. */
const endSeconds = 9;
/** What Compose does itself, such as `logs`, hangs by then; seconds. */
const composeSeconds = 8;
/** Few at a time: each runs Compose, and the machine is small. */
const atOnce = 8;
const program = join(inject('horme'), 'dist/horme.cjs');

/** How far an engine gets before it hangs. */
type Depth = 'connection' | 'ping' | 'programs';

const kit: KitContent = {
  ...{
    schema: 'horme.kit/1',
    name: 'hung',
    environment: 'production',
    project: 'hung-production',
    keys: '0123456789ab',
  },
  ...{ madeAt: '2026-11-24T15:03:12.000Z', repositories: [{ kind: 'local' }] },
  ...{ secrets: { id: 'k3x9', cipher: 'c1', filesPassword: 'f1' }, source: {} },
};

let folder: string;
let tools: Buffer;
beforeAll(async () => {
  tools = await packTar([{ path: 'horme/with-secrets', content: '' }]);
  folder = await mkdtemp(join(tmpdir(), 'horme-hung-'));
  await writeFile(join(folder, 'shop.kit'), await sealKit(kit, 'correct horse battery', 1));
  await writeFile(join(folder, 'passphrase'), 'correct horse battery\n');
  await writeFile(
    join(folder, 'compose.yaml'),
    `name: hung
services: { api: { image: 'shop/api', volumes: ['uploads:/uploads'], x-horme: { route: { port: 8000 } } } }
volumes: { uploads: {} }
x-horme:
  database: { replicas: 1 }
  backup: { volumes: [uploads] }
  environments: { production: { domain: shop.example.com }, staging: { domain: staging.example.com } }
`,
  );
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const running = (service: string) => ({
  ...{ Id: `id-${service}`, Names: [`/hung-production-${service}-1`], Image: 'i', ImageID: 'sha256:1' },
  ...{ State: 'running', Status: 'Up', Created: 0, NetworkSettings: { Networks: {} } },
  Labels: { [labels.project]: 'hung-production', [labels.service]: service, [labels.spec]: '1' },
});
const services = ['horme-haproxy-a', 'horme-postgres-1', 'horme-postgres-2', 'horme-backup', 'horme-backup-files'];

const state = { StartedAt: '2026-01-01T00:00:00Z', Running: true, ExitCode: 0, OOMKilled: false };

/** What an engine says that has everything, until it is asked for a program in a container. */
function answerOf(url: string): object | undefined {
  if (url.endsWith('/_ping')) return {};
  if (url.includes('/exec/')) return undefined;
  if (url.includes('/exec')) return { Id: 'e' };
  if (url.includes('/containers/json')) return services.map(running);
  if (url.includes('/containers/create')) return { Id: 'created' };
  if (/\/containers\/[^/]+\/json/.test(url))
    return { Id: 'i', Name: '/i', RestartCount: 0, State: state, Config: { Labels: {} } };
  if (url.includes('/info'))
    return { ServerVersion: '26', NCPU: 2, MemTotal: 8e9, SystemTime: new Date().toISOString() };
  if (url.includes('/images/'))
    return { Id: 'sha256:1', RepoTags: [], Created: '2026-01-01T00:00:00Z', Size: 1, Config: {} };
  if (url.includes('/networks')) return [];
  if (url.includes('/volumes')) return { Volumes: [] };
  return {};
}

function hungEngine(depth: Depth) {
  const sockets = new Set<Socket>();
  let hangs = () => {};
  const hung = new Promise<void>((resolve) => (hangs = resolve));
  const server = http.createServer((request, response) => {
    const url = request.url ?? '';
    const isHorme = request.headers['user-agent'] === undefined;
    const isPing = url.endsWith('/_ping');
    const hung = depth === 'connection' || (depth === 'ping' && !isPing);
    // Compose looks for an engine whenever it reads files, and goes on without one after seconds: no need to wait for that.
    const looks = !isHorme && /\/(_ping|info)$/.test(url);
    const answer = hung && !looks ? undefined : answerOf(url);
    if (answer === undefined) return hangs();
    if (url.includes('/archive') && request.method === 'GET') {
      const has = url.endsWith('path=%2Fhorme');
      return void response.writeHead(has ? 200 : 404).end(has ? tools : '{}');
    }
    response.writeHead(200, { 'api-version': '1.41' }).end(JSON.stringify(answer));
  });
  server.on('upgrade', () => hangs());
  server.on('connection', (socket) => void sockets.add(socket));
  return { server, hung, close: () => (sockets.forEach((socket) => socket.destroy()), server.close()) };
}

const after = <T>(seconds: number, value: T) =>
  new Promise<T>((resolve) => void setTimeout(resolve, seconds * 1000, value).unref());

/** The example of the help, without the shell's part of it. */
function argumentsOf(example: string): string[] {
  const [, ...words] = (example.split(' > ')[0] ?? '').match(/"[^"]*"|\S+/g) ?? [];
  const own = words.map((word) => word.replace(/^"(.*)"$/, '$1'));
  if (own[0] === 'recover') return [...own, '--passphrase-file', 'passphrase'];
  if (own[0] === 'recovery-kit')
    return ['recovery-kit', 'new.kit', '--env', 'production', '--passphrase-file', 'passphrase'];
  return own.includes('--env') ? own : ['--env', 'production', ...own];
}

async function endOf(words: string[], depth: Depth) {
  const engine = hungEngine(depth);
  const socket = join(folder, `${depth}-${words.join('-').replaceAll(/\W+/g, '-').slice(0, 40)}.sock`);
  await new Promise<void>((resolve) => void engine.server.listen(socket, resolve));
  const env = { ...process.env, DOCKER_HOST: `unix://${socket}`, DOCKER_CONTEXT: '' };
  const child = spawn(process.execPath, [program, ...words], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise<number | string>((resolve) =>
    child.on('exit', (code, signal) => resolve(code ?? signal ?? '')),
  );
  try {
    const itself = await Promise.race([ended, engine.hung, after(composeSeconds, undefined)]);
    if (itself !== undefined) return { exitCode: itself, said };
    child.kill('SIGTERM');
    const exitCode = await Promise.race([ended, after(endSeconds, 'still there')]);
    return { exitCode, said };
  } finally {
    child.kill('SIGKILL');
    engine.close();
  }
}

/** Those that read and write files alone, or stop at what the engine or the files lack. */
const neverAsk = ['init', 'completion'];

describe.each<Depth>(['connection', 'ping', 'programs'])('an engine that hangs after: %s', (depth) => {
  test('holds no command that is told to end', { timeout: 300_000 }, async () => {
    const left = commands.filter(({ name }) => !neverAsk.includes(name));
    const held: Record<string, string> = {};
    let interrupted = 0;
    const worker = async () => {
      for (let one = left.shift(); one; one = left.shift()) {
        const { exitCode, said } = await endOf(argumentsOf(one.example), depth);
        if (exitCode === 'still there' || exitCode === exitCodes.bug) held[one.name] = `${exitCode} ${said}`;
        if (exitCode === exitCodes.interrupted) interrupted++;
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    expect(held).toEqual({});
    expect(interrupted).toBeGreaterThan(commands.length / 3);
  });
});
