/** @param {import('fastify').FastifyInstance} app @param {import('../app.js').Dependencies} dependencies */
export async function productRoutes(app, { database }) {
  app.get('/products', async () => {
    const { rows } = await database.query(
      'select id, name, description, price_cents as "priceCents" from products order by name',
    );
    return { products: rows };
  });

  app.get('/products/:id', async (request, reply) => {
    const { rows } = await database.query(
      'select id, name, description, price_cents as "priceCents" from products where id = $1',
      [request.params.id],
    );
    return rows[0] ?? reply.code(404).send({ error: 'no such product' });
  });
}
