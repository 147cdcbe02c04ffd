import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApp } from './app.js';

/** The app over a database and a cache that answer, or don't. */
function appWith({ broken = '', reachable = true, stopping = false } = {}) {
  const respond = async () => {
    if (!reachable) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    return { rows: [] };
  };
  return createApp({
    config: { version: 'v9', broken, logLevel: 'silent' },
    database: { query: respond },
    cache: { ping: respond },
    lifecycle: { stopping },
  });
}

const statusOf = async (app, url) => (await app.inject(url)).statusCode;

test('answers at the root and below /api alike', async () => {
  const app = appWith();
  for (const url of ['/version', '/api/version']) assert.equal((await app.inject(url)).json().version, 'v9');
  for (const url of ['/products', '/api/products']) assert.deepEqual((await app.inject(url)).json(), { products: [] });
  for (const url of ['/', '/api', '/api/']) assert.equal((await app.inject(url)).json().service, 'shop-api');
});

test('is live but not ready while the database is away, and says 503 rather than 500', async () => {
  const app = appWith({ reachable: false });
  assert.equal(await statusOf(app, '/health/live'), 200);
  assert.equal(await statusOf(app, '/health/ready'), 503);
  assert.equal(await statusOf(app, '/products'), 503);
});

test('while stopping it is not ready, still serves, and asks for the connection to be closed', async () => {
  const app = appWith({ stopping: true });
  assert.equal(await statusOf(app, '/health/ready'), 503);
  const response = await app.inject('/products');
  assert.equal(response.statusCode, 200);
  assert.equal(response.headers.connection, 'close');
});

test('built with BROKEN=errors it fails everywhere but in its health', async () => {
  const app = appWith({ broken: 'errors' });
  assert.equal(await statusOf(app, '/health/ready'), 200);
  assert.equal(await statusOf(app, '/api/version'), 500);
  assert.equal(await statusOf(app, '/api/products'), 500);
});

test('refuses a report longer than 30 seconds', async () => {
  assert.equal(await statusOf(appWith(), '/report?seconds=31'), 400);
});
