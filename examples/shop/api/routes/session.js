import { randomUUID } from 'node:crypto';

const COOKIE = 'session';
const LIFETIME_SECONDS = 24 * 60 * 60;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Counts a visitor's requests in Redis: the count goes on whichever replica answers, and across releases.
 *
 * @param {import('fastify').FastifyInstance} app
 * @param {import('../app.js').Dependencies} dependencies
 */
export async function sessionRoutes(app, { cache, config }) {
  app.get('/session', async (request, reply) => {
    const sent = request.cookies[COOKIE];
    // Checked, so that no client can choose the Redis key.
    const id = sent && UUID.test(sent) ? sent : randomUUID();
    const key = `session:${id}`;
    const [[failure, visits]] = await cache.multi().incr(key).expire(key, LIFETIME_SECONDS).exec();
    if (failure) throw failure;

    reply.setCookie(COOKIE, id, {
      path: '/',
      httpOnly: true,
      sameSite: 'lax',
      secure: 'auto',
      maxAge: LIFETIME_SECONDS,
    });
    return { visits, version: config.version };
  });
}
