import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createSecureServer, type ServerHttp2Session } from 'node:http2';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { forkTraffic } from './traffic-process.ts';
import { firstNewAt, lastOldAt, startTraffic, until } from './traffic.ts';

// The recorder is what every other e2e test believes: it must see each loss, and invent none.

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const app = fileURLToPath(new URL('../fixtures/fault-app/server.mjs', import.meta.url));

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function run(port: number, env: Record<string, string> = {}): Promise<ChildProcess> {
  const child = spawn(process.execPath, [app], {
    env: { PORT: String(port), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  ends.push(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data', { signal: AbortSignal.timeout(10_000) });
  return child;
}

/** TLS before the application, as the edge has it; tells the SNI names it was asked for. */
async function terminateTls(port: number): Promise<{ origin: string; names: Set<string | false | undefined> }> {
  const names = new Set<string | false | undefined>();
  const server = createTlsServer(selfSigned(), (socket) => {
    names.add((socket as TLSSocket & { servername?: string | false }).servername);
    const application = connect(port, '127.0.0.1');
    pipeline(socket, application, socket, () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => server.close());
  return { origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, names };
}

const allKinds = { 'get-keepalive': 30, 'get-fresh': 20, slow: 1.5, upload: 1.5, websocket: 3, sse: 2 };

test('a healthy application behind TLS has every kind answered and nothing failed', async () => {
  const port = await freePort();
  await run(port);
  const { origin, names } = await terminateTls(port);
  const traffic = await forkTraffic({ origin, host: 'x.localhost:8443', kinds: { ...allKinds, 'get-http2': 0 } });
  ends.push(() => traffic.kill());
  await delay(4000);
  const report = await traffic.stop();
  expect(report).toMatchObject({ failed: 0, cut: 0, told: 0, reconnected: 0, heldBack: 0, errors: [] });
  expect(Object.keys(report.byKind)).toEqual(['get-keepalive', 'get-fresh', 'slow', 'upload', 'websocket', 'sse']);
  expect(report.byKind.slow?.p50).toBeGreaterThan(1990);
  expect(report.byKind.upload?.p50).toBeGreaterThan(900);
  expect(report.byKind.websocket?.requests).toBeGreaterThan(90);
  expect(report.requests).toBeGreaterThan(250);
  expect(report.versions).toMatchObject([{ version: 'v1' }]);
  expect(report.p99).toBeLessThan(200);
  expect([...names]).toEqual(['x.localhost']);
});

test('a graceful restart tells streams to end; the gap it leaves is failed requests, then the new version', async () => {
  const port = await freePort();
  const old = await run(port, { VERSION: 'v1' });
  const traffic = startTraffic({ origin: `http://127.0.0.1:${port}`, kinds: allKinds });
  ends.push(() => traffic.stop());
  await delay(2500);
  const exited = once(old, 'exit', { signal: AbortSignal.timeout(10_000) });
  old.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
  await run(port, { VERSION: 'v2' });
  await until(traffic, (seen) => seen.reconnected === 5, 10);
  const report = await traffic.stop();
  expect(report).toMatchObject({ cut: 0, told: 5, reconnected: 5 });
  expect(report.failed).toBeGreaterThan(5);
  const codes = report.errors.map(({ message }) => message.split(' ')[0]);
  // The kernel resets a connection that it had taken and the application had not accepted when that closed its port.
  const resets = codes.filter((code) => code === 'ECONNRESET').length;
  expect(resets).toBeLessThanOrEqual(1);
  expect(codes.filter((code) => code === 'ECONNREFUSED')).toHaveLength(codes.length - resets);
  expect(report.versions.map(({ version }) => version)).toEqual(['v1', 'v2']);
  expect(firstNewAt(report, 'v2')).toBeGreaterThan(lastOldAt(report, 'v2') ?? Infinity);
  // The old one goes on until its last 2-second request is answered, and that was sent two thirds of a second ago at most.
  expect(report.worstGapMilliseconds).toBeGreaterThan(1300);
});

test('a killed application cuts streams and fails what was in flight', async () => {
  const port = await freePort();
  const old = await run(port);
  const traffic = startTraffic({ origin: `http://127.0.0.1:${port}`, kinds: allKinds });
  ends.push(() => traffic.stop());
  await delay(2500);
  old.kill('SIGKILL');
  await until(traffic, ({ cut, byKind }) => cut === 5 && (byKind['get-fresh']?.failed ?? 0) > 5, 10);
  const report = await traffic.stop();
  expect(report).toMatchObject({ cut: 5, told: 0, reconnected: 0 });
  expect(report.byKind.slow?.failed).toBeGreaterThan(1);
  expect(report.byKind.upload?.failed).toBeGreaterThan(0);
  expect(report.byKind['get-fresh']?.failed).toBeGreaterThan(5);
});

test('500s are failed in every kind that asks', async () => {
  const port = await freePort();
  await run(port, { ERRORS: '1' });
  const traffic = startTraffic({ origin: `http://127.0.0.1:${port}`, kinds: allKinds });
  ends.push(() => traffic.stop());
  await delay(1800);
  const report = await traffic.stop();
  expect(report.failed).toBe(report.requests);
  expect(Object.keys(report.byKind)).toEqual(Object.keys(allKinds));
  expect(report.errors[0]?.message).toBe('status 500');
});

test('HTTP/2: a GOAWAY moves new requests to a new connection and loses none; a cut is repeated', async () => {
  const sessions = new Set<ServerHttp2Session>();
  const hosts = new Set<string | undefined>();
  const server = createSecureServer(selfSigned(), (request, response) => {
    hosts.add(request.authority);
    setTimeout(() => response.writeHead(200, { 'x-version': 'v1' }).end('ok'), 30);
  });
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => undefined);
    session.on('close', () => sessions.delete(session));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const off = { 'get-keepalive': 0, 'get-fresh': 0, slow: 0, upload: 0, websocket: 0, sse: 0 };
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const traffic = startTraffic({ origin, host: 'x.localhost', kinds: { ...off, 'get-http2': 100 } });
  ends.push(() => traffic.stop());
  for (let round = 1; round <= 5; round++) {
    await vi.waitUntil(() => traffic.snapshot().requests >= round * 15, { timeout: 20_000 });
    // Graceful, as nginx does it on a reload.
    for (const session of sessions) session.close();
  }
  await vi.waitUntil(() => traffic.snapshot().requests >= 90, { timeout: 20_000 });
  const graceful = traffic.snapshot();
  for (const session of sessions) session.destroy();
  await vi.waitUntil(() => traffic.snapshot().requests >= 110, { timeout: 20_000 });
  const report = await traffic.stop();
  // A request that crosses the GOAWAY on its way was not taken up and is repeated, but that is rare.
  expect(graceful.failed).toBe(0);
  expect(graceful.repeated).toBeLessThan(5);
  expect(report.failed).toBe(0);
  expect(report.repeated).toBeGreaterThan(graceful.repeated);
  expect([...hosts]).toEqual(['x.localhost']);
  expect(report.byKind['get-http2']?.requests).toBe(report.requests);
});

function selfSigned(): { key: Buffer; cert: Buffer } {
  const directory = mkdtempSync(join(tmpdir(), 'horme-traffic-'));
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const type = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=localhost'];
  try {
    execFileSync('openssl', ['req', '-x509', ...type, '-keyout', key, '-out', cert], {
      stdio: 'ignore',
      timeout: 20_000,
    });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
