import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { createServer } from 'node:http';
import { createCatalogue } from './catalogue.js';
import { createMcpServer } from './tools.js';

/** Under Compose's default stop_grace_period of 10 s. */
const SHUTDOWN_DEADLINE_MS = 8_000;

const version = '1.0.0';
const catalogue = createCatalogue(process.env.API_URL || 'http://api:8000');
let stopping = false;

const server = createServer(async (request, response) => {
  if (stopping) response.setHeader('connection', 'close');
  const path = request.url?.split('?')[0];
  if (path === '/health')
    return answer(response, stopping ? 503 : 200, { status: stopping ? 'stopping' : 'ok', version });
  if (path !== '/mcp') return answer(response, 404, { error: 'not found' });
  // Without sessions there is no stream to open with GET and nothing to end with DELETE.
  if (request.method !== 'POST') return answer(response, 405, { error: 'use POST' }, { allow: 'POST' });
  try {
    await answerMcp(request, response);
  } catch (error) {
    console.error('MCP request failed', error);
    if (!response.headersSent) answer(response, 500, { error: 'internal error' });
  }
});

// Longer than any proxy keeps an idle connection, so that it never sends a request into one that we are closing.
server.keepAliveTimeout = 75_000;
server.listen(Number(process.env.PORT || 8090), () => console.log(`shop-mcp ${version} listens`));
process.on('SIGTERM', shutDown);
process.on('SIGINT', shutDown);

/**
 * Stateless: a server and transport for each request, so that any replica can answer any request of a client.
 * The catalogue is public and read only, hence no authentication; add it before a tool changes anything.
 *
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 */
async function answerMcp(request, response) {
  const mcp = createMcpServer(catalogue, version);
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
  response.on('close', () => void mcp.close());
  await mcp.connect(transport);
  await transport.handleRequest(request, response);
}

/**
 * @param {import('node:http').ServerResponse} response
 * @param {number} status
 * @param {object} body
 * @param {Record<string, string>} [headers]
 */
function answer(response, status, body, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

function shutDown() {
  stopping = true;
  setTimeout(() => process.exit(1), SHUTDOWN_DEADLINE_MS).unref();
  server.close(() => process.exit(0));
}
