/**
 * `live`: the process answers; if not, restart it. `ready`: it can serve; if not, send it no traffic. They differ on purpose:
 * restarting a process because its database is away makes things worse.
 *
 * @param {import('fastify').FastifyInstance} app
 * @param {import('../app.js').Dependencies} dependencies
 */
export async function healthRoutes(app, { database, cache, lifecycle }) {
  app.get('/health/live', async () => ({ status: 'live' }));

  app.get('/health/ready', async (_request, reply) => {
    if (lifecycle.stopping) return reply.code(503).send({ status: 'stopping' });
    const [databaseUp, cacheUp] = await Promise.all([succeeds(database.query('select 1')), succeeds(cache.ping())]);
    const ready = databaseUp && cacheUp;
    return reply
      .code(ready ? 200 : 503)
      .send({ status: ready ? 'ready' : 'not ready', database: databaseUp, cache: cacheUp });
  });
}

/** @param {Promise<unknown>} attempt */
async function succeeds(attempt) {
  try {
    await attempt;
    return true;
  } catch {
    return false;
  }
}
