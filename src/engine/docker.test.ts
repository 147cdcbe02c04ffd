import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { openConnection } from './connection.ts';
import { dockerEngine } from './docker.ts';

/** An engine of that API version; it answers all but the ping by `answer`. */
async function engineWith(apiVersion: string, answer: (path: string) => { status?: number; body: object }) {
  const folder = mkdtempSync(join(tmpdir(), 'horme-engine-'));
  const socket = join(folder, 'docker.sock');
  const server = http.createServer((request, response) => {
    response.setHeader('api-version', apiVersion);
    if (request.url === '/_ping') return void response.end('OK');
    const { status = 200, body } = answer(request.url ?? '');
    response.writeHead(status).end(JSON.stringify(body));
  });
  server.listen(socket);
  await once(server, 'listening');
  closing.push(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });
  return dockerEngine(openConnection(undefined, { DOCKER_HOST: `unix://${socket}` }), new AbortController().signal);
}

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

test.each([
  ['1.41', '/v1.41/'],
  ['1.45', '/v1.45/'],
  ['1.52', '/v1.45/'],
])('an engine of API %s is asked in the newest words that both know: %s', async (theirs, spoken) => {
  let asked = '';
  const engine = await engineWith(theirs, (path) => {
    asked = path;
    return { body: [] };
  });
  await engine.networks({});
  expect(asked).toMatch(new RegExp(`^${spoken}`));
});

test('an engine older than 20.10 is refused with the mend', async () => {
  const engine = await engineWith('1.40', () => ({ body: [] }));
  await expect(engine.networks({})).rejects.toMatchObject({ code: 'engine-too-old', exitCode: 3 });
});

test('an engine whose oldest API is newer than ours is told plainly, not as a bug', async () => {
  const message = 'client version 1.45 is too old. Minimum supported API version is 1.48, please upgrade your client';
  const engine = await engineWith('1.60', () => ({ status: 400, body: { message } }));
  await expect(engine.networks({})).rejects.toMatchObject({ code: 'engine-too-new', lastSeen: message });
});

test('an image is read without the fields that newer engines leave out', async () => {
  const engine = await engineWith('1.52', () => ({ body: { Id: 'sha256:1', Size: 1, Config: {} } }));
  expect(await engine.image('bare')).toEqual({
    ...{ id: 'sha256:1', tags: [], digests: [], labels: {}, entrypoint: [], command: [], user: '' },
    ...{ exposedPorts: [], hasHealthcheck: false, volumes: [], shell: [], createdSeconds: 0, sizeBytes: 1 },
  });
});
