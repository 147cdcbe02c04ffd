import { setTimeout as sleep } from 'node:timers/promises';

const querystring = {
  type: 'object',
  properties: { seconds: { type: 'number', minimum: 0, maximum: 30, default: 2 } },
};

/** Slow on purpose: shows that a rollout waits for requests in flight. @param {import('fastify').FastifyInstance} app */
export async function reportRoutes(app) {
  app.get('/report', { schema: { querystring } }, async (request) => {
    const { seconds } = request.query;
    await sleep(seconds * 1000);
    return { report: 'sales', seconds };
  });
}
