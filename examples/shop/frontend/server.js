import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

/** Under Compose's default stop_grace_period of 10 s. */
const SHUTDOWN_DEADLINE_MS = 8_000;

/** The whole site. It is small and read once: a file that is not named here cannot be asked for. */
const pages = new Map([
  ['/', page('index.html', 'text/html; charset=utf-8')],
  ['/shop.css', page('shop.css', 'text/css; charset=utf-8')],
  ['/shop.js', page('shop.js', 'text/javascript; charset=utf-8')],
  ['/favicon.svg', page('favicon.svg', 'image/svg+xml')],
]);

let stopping = false;

const server = createServer((request, response) => {
  if (stopping) response.setHeader('connection', 'close');
  const path = request.url?.split('?')[0] ?? '/';
  if (path === '/health') return answer(response, stopping ? 503 : 200, stopping ? 'stopping' : 'ok');
  if (request.method !== 'GET' && request.method !== 'HEAD') return answer(response, 405, 'method not allowed');
  const found = pages.get(path);
  if (!found) return answer(response, 404, 'not found');
  response.writeHead(200, found.headers).end(found.body);
});

// Longer than any proxy keeps an idle connection, so that it never sends a request into one that we are closing.
server.keepAliveTimeout = 75_000;
server.listen(Number(process.env.PORT || 8080), () => console.log('shop-frontend listens'));
process.on('SIGTERM', shutDown);
process.on('SIGINT', shutDown);

/** @param {string} file @param {string} type */
function page(file, type) {
  const body = readFileSync(new URL(`public/${file}`, import.meta.url));
  return {
    body,
    headers: {
      'content-type': type,
      'content-length': body.length,
      // Asked for again each time, so that a release is seen at once.
      'cache-control': 'no-cache',
      'content-security-policy': "default-src 'self'",
      'x-content-type-options': 'nosniff',
    },
  };
}

/** @param {import('node:http').ServerResponse} response @param {number} status @param {string} text */
function answer(response, status, text) {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
}

function shutDown() {
  stopping = true;
  setTimeout(() => process.exit(1), SHUTDOWN_DEADLINE_MS).unref();
  server.close(() => process.exit(0));
}
