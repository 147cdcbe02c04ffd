import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { startProber, type Prober, type ProberOptions } from './prober.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

async function serve(listener: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listen(createServer(listener))}/`;
}

async function probe(urls: string[], options: Partial<ProberOptions> = {}): Promise<Prober> {
  const prober = startProber({ targets: urls.map((url) => ({ url, service: 'web' })), perSecond: 200, ...options });
  ends.push(() => prober.stop());
  await prober.ready;
  return prober;
}

/** Ends a connection when its second request comes: what a proxy's idle timeout looks like to a client. */
function closeOnReuse(): RequestListener {
  const used = new WeakSet<Socket>();
  return (request, response) => {
    if (used.has(request.socket)) return request.socket.destroy();
    used.add(request.socket);
    response.end('ok');
  };
}

test('a server that answers has no failure, and half of its requests come over kept connections', async () => {
  let fresh = 0;
  const requests = new Set<string | undefined>();
  const url = await serve((request, response) => {
    if (request.headers.connection === 'close') fresh += 1;
    requests.add(request.method);
    response.end('ok');
  });
  const prober = await probe([url]);
  await delay(500);
  const proof = await prober.stop();
  expect(proof).toMatchObject({ failed: 0 });
  expect(proof.notMeasured).toBeUndefined();
  expect(proof.requests).toBeGreaterThan(10);
  expect(fresh / (proof.requests + 1)).toBeCloseTo(0.5, 1);
  expect([...requests]).toEqual(['GET']);
  expect(proof.p99Milliseconds).toBeGreaterThan(0);
  expect(proof.worstGapMilliseconds).toBeLessThan(300);
  expect(proof.wallSeconds).toBeCloseTo(0.5, 0);
  expect(await prober.stop()).toBe(proof);
});

test('a kept connection that ends before its answer is repeated, not failed', async () => {
  const prober = await probe([await serve(closeOnReuse())]);
  await delay(400);
  const proof = await prober.stop();
  expect(proof.failed).toBe(0);
  expect(prober.snapshot().repeated).toBeGreaterThan(5);
});

test('a connection that is reset on its first request is failed', async () => {
  let calls = 0;
  const url = await serve((request, response) => {
    if (calls++ === 0) response.end('ok');
    else request.socket.resetAndDestroy();
  });
  const prober = await probe([url]);
  await delay(200);
  const proof = await prober.stop();
  expect(proof.requests).toBeGreaterThan(5);
  expect(proof.failed).toBe(proof.requests);
});

test('an answer that breaks off is failed, also over a kept connection', async () => {
  let calls = 0;
  const url = await serve((request, response) => {
    if (calls++ < 20) return response.end('ok');
    response.writeHead(200, { 'content-length': 100 });
    response.write('half');
    setTimeout(() => request.socket.destroy(), 5);
  });
  const prober = await probe([url]);
  await delay(400);
  const proof = await prober.stop();
  expect(proof.failed).toBeGreaterThan(10);
  expect(prober.snapshot()).toMatchObject({ repeated: 0 });
});

test('a server that turns to 500 fails, with the first failures kept', async () => {
  let status = 200;
  const url = await serve((_request, response) => response.writeHead(status).end());
  const prober = await probe([url]);
  await delay(200);
  status = 500;
  await delay(200);
  const proof = await prober.stop();
  expect(proof.failed).toBeGreaterThan(10);
  expect(proof.failed).toBeLessThan(proof.requests);
  expect(proof.worstGapMilliseconds).toBeGreaterThan(150);
  expect(prober.snapshot().failures[0]).toMatchObject({ url, reason: 'answered 500' });
});

test('a 404 and a redirect are answers, and the redirect is not followed', async () => {
  const paths = new Set<string | undefined>();
  const url = await serve((request, response) => {
    paths.add(request.url);
    response.writeHead(paths.size > 5 ? 404 : 302, { location: '/elsewhere' }).end();
  });
  const prober = await probe([url]);
  await delay(100);
  expect(await prober.stop()).toMatchObject({ failed: 0 });
  expect([...paths]).toEqual(['/']);
});

test('a stall shows as the worst gap, of the target that stalled', async () => {
  let stalled = false;
  const steady = await serve((_request, response) => response.end('ok'));
  const stalling = await serve((_request, response) => {
    setTimeout(() => response.end('ok'), stalled ? 500 : 0);
  });
  const prober = await probe([steady, stalling]);
  await delay(100);
  stalled = true;
  await delay(700);
  const proof = await prober.stop();
  expect(proof.failed).toBe(0);
  expect(proof.worstGapMilliseconds).toBeGreaterThan(400);
  expect(proof.p99Milliseconds).toBeGreaterThan(400);
  expect(prober.snapshot().heldBack).toBeGreaterThan(0);
});

test('no answer within the timeout is failed, and the gap that is open at the end counts', async () => {
  let stalled = false;
  const url = await serve((_request, response) => {
    if (!stalled) response.end('ok');
  });
  const prober = await probe([url], { timeoutMilliseconds: 150 });
  await delay(100);
  stalled = true;
  await delay(400);
  const proof = await prober.stop();
  expect(proof.failed).toBeGreaterThan(10);
  expect(proof.worstGapMilliseconds).toBeGreaterThan(350);
  expect(prober.snapshot().failures[0]?.reason).toBe('no answer within 0.15 s');
});

test('targets that are broken or unreachable before the switch are excluded', async () => {
  const good = await serve((_request, response) => response.end('ok'));
  const broken = await serve((_request, response) => response.writeHead(503).end());
  const prober = await probe([good, broken, 'http://127.0.0.1:1/']);
  await delay(100);
  const proof = await prober.stop();
  expect(proof).toMatchObject({ failed: 0 });
  expect(proof.requests).toBeGreaterThan(5);
  expect(
    prober
      .snapshot()
      .excluded.map(({ url }) => url)
      .sort(),
  ).toEqual([broken, 'http://127.0.0.1:1/'].sort());
});

test('with no target left, the proof says why', async () => {
  const broken = await serve((_request, response) => response.writeHead(503).end());
  const prober = await probe([broken]);
  const proof = await prober.stop();
  expect(proof).toMatchObject({ requests: 0, failed: 0, worstGapMilliseconds: 0 });
  expect(proof.notMeasured).toBe(`no public address answered before the switch (${broken}: answered 503)`);
  expect((await (await probe([])).stop()).notMeasured).toBe('no service has a public address');
});

test('an abort ends it at once, and what was in flight counts neither way', async () => {
  let stalled = false;
  const url = await serve((_request, response) => {
    if (!stalled) response.end('ok');
  });
  const abort = new AbortController();
  const prober = await probe([url], { signal: abort.signal });
  await delay(100);
  stalled = true;
  await delay(100);
  const before = performance.now();
  abort.abort();
  const proof = await prober.stop();
  expect(performance.now() - before).toBeLessThan(100);
  expect(proof.failed).toBe(0);
});

test('HTTPS: connects elsewhere with the SNI and Host of the address, and repeats a lost reuse', async () => {
  const names = new Set<string>();
  const again = closeOnReuse();
  const port = await listen(
    createTlsServer(selfSigned(), (request, response) => {
      names.add(`${(request.socket as Socket & { servername?: string }).servername} ${request.headers.host}`);
      again(request, response);
    }),
  );
  const prober = await probe([], {
    targets: [{ url: 'https://shop.example.com:8443/', connectTo: { host: '127.0.0.1', port } }],
    perSecond: 50,
  });
  await delay(400);
  const proof = await prober.stop();
  expect(proof.requests).toBeGreaterThan(5);
  expect(proof.failed).toBe(0);
  expect(prober.snapshot().repeated).toBeGreaterThan(2);
  expect([...names]).toEqual(['shop.example.com shop.example.com:8443']);
});

function selfSigned(): { key: Buffer; cert: Buffer } {
  const directory = mkdtempSync(join(tmpdir(), 'horme-prober-'));
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

test('what answers as before is no regression; a page that is gone since the mark is one', async () => {
  let status = 200;
  const url = await serve((_request, response) => response.writeHead(status).end('ok'));
  const prober = await probe([url]);
  await delay(100);
  prober.mark(['web']);
  await delay(100);
  expect(prober.regression()).toBeUndefined();
  status = 404;
  await untilTrue(() => prober.regression() !== undefined);
  expect(prober.regression()?.text).toMatch(/requests failed \(answered 404; 200 before\)$/);
  expect((await prober.stop()).failures?.[0]?.reason).toBe('answered 404; 200 before');
});

test('an address that refused before may go on refusing, and one that wants a login now is not lost', async () => {
  let asked = 0;
  const refused = await serve((_request, response) => response.writeHead(404).end());
  const login = await serve((_request, response) => response.writeHead((asked += 1) > 5 ? 401 : 200).end());
  const prober = await probe([refused, login]);
  prober.mark(['web']);
  await delay(300);
  expect(prober.regression()).toBeUndefined();
  expect(await prober.stop()).toMatchObject({ failed: 0 });
});

test('requests that nobody answers are a regression before their time is over', async () => {
  let hang = false;
  const url = await serve((_request, response) => {
    if (!hang) response.end('ok');
  });
  const prober = await probe([url]);
  await delay(100);
  prober.mark(['web']);
  hang = true;
  await untilTrue(() => prober.regression() !== undefined);
  expect(prober.regression()?.text).toMatch(/no answer within 3 s/);
  expect(prober.snapshot().failed).toBe(0);
});

async function untilTrue(done: () => boolean): Promise<void> {
  const deadline = performance.now() + 8000;
  while (!done()) {
    if (performance.now() > deadline) throw new Error('not within 8 s');
    await delay(20);
  }
}
