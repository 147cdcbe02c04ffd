import cookie from '@fastify/cookie';
import Fastify, { LogController } from 'fastify';
import { hostname } from 'node:os';
import { isUnreachable } from './database.js';
import { healthRoutes } from './routes/health.js';
import { orderRoutes } from './routes/orders.js';
import { productRoutes } from './routes/products.js';
import { reportRoutes } from './routes/report.js';
import { sessionRoutes } from './routes/session.js';

/**
 * @typedef {object} Dependencies
 * @property {Pick<import('./config.js').Config, 'version' | 'broken' | 'logLevel'>} config
 * @property {import('pg').Pool} database
 * @property {import('ioredis').Redis} cache
 * @property {{ stopping: boolean }} lifecycle  `stopping` is set once, by SIGTERM.
 */

/** @param {Dependencies} dependencies */
export function createApp(dependencies) {
  const { config, lifecycle } = dependencies;
  const app = Fastify({
    logger: { level: config.logLevel },
    // The proxy in front logs every request; here only what went wrong is logged, under the same id.
    logController: new LogController({ disableRequestLogging: true }),
    requestIdHeader: 'x-request-id',
    // Nothing but the proxy can connect: no port of this service is published.
    trustProxy: true,
    // Longer than any proxy keeps an idle connection, so that it never sends a request into one that we are closing.
    keepAliveTimeout: 75_000,
    // A request that arrives while stopping on an open connection is answered, not refused.
    return503OnClosing: false,
  });

  app.addHook('onSend', async (_request, reply) => {
    if (lifecycle.stopping) reply.header('connection', 'close');
  });
  app.setErrorHandler(answerError);
  app.register(cookie);

  // Proxies pass the path on as it is: the API answers at a host of its own (/products) and below a site (/api/products).
  for (const prefix of ['', '/api']) {
    app.register((scope) => healthRoutes(scope, dependencies), { prefix });
    app.register((scope) => shopRoutes(scope, dependencies), { prefix });
  }
  return app;
}

/** @param {import('fastify').FastifyInstance} app @param {Dependencies} dependencies */
async function shopRoutes(app, dependencies) {
  const { version, broken } = dependencies.config;
  const replica = hostname();
  const startedAt = new Date().toISOString();

  if (broken === 'errors') {
    app.addHook('onRequest', async () => {
      throw new Error(`shop-api ${version} was built with BROKEN=errors`);
    });
  }

  app.get('/', async () => ({ service: 'shop-api', version, replica }));
  app.get('/version', async () => ({ version, replica, startedAt, node: process.version }));
  app.register(productRoutes, dependencies);
  app.register(orderRoutes, dependencies);
  app.register(sessionRoutes, dependencies);
  app.register(reportRoutes);
}

/**
 * The caller learns what it can mend; all else is logged and stays inside.
 *
 * @this {import('fastify').FastifyInstance}
 * @param {import('fastify').FastifyError} error
 * @param {import('fastify').FastifyRequest} request
 * @param {import('fastify').FastifyReply} reply
 */
function answerError(error, request, reply) {
  if (error.statusCode && error.statusCode < 500) {
    return reply.code(error.statusCode).send({ error: error.message });
  }
  request.log.error({ err: error, method: request.method, url: request.url }, 'request failed');
  if (isUnreachable(error)) {
    return reply.code(503).header('retry-after', '1').send({ error: 'temporarily unavailable', requestId: request.id });
  }
  return reply.code(500).send({ error: 'internal error', requestId: request.id });
}
