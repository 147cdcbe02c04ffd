import { inTransaction } from '../database.js';

const newOrder = {
  headers: { type: 'object', properties: { 'idempotency-key': { type: 'string', minLength: 8, maxLength: 100 } } },
  body: {
    type: 'object',
    required: ['items'],
    additionalProperties: false,
    properties: {
      items: {
        type: 'array',
        minItems: 1,
        maxItems: 50,
        items: {
          type: 'object',
          required: ['productId', 'quantity'],
          additionalProperties: false,
          properties: {
            productId: { type: 'string', maxLength: 50 },
            quantity: { type: 'integer', minimum: 1, maximum: 100 },
          },
        },
      },
    },
  },
};

const orderId = { params: { type: 'object', properties: { id: { type: 'string', format: 'uuid' } } } };

/** @param {import('fastify').FastifyInstance} app @param {import('../app.js').Dependencies} dependencies */
export async function orderRoutes(app, { database }) {
  /** With an Idempotency-Key a client may repeat the request after a lost answer: the order is placed once. */
  app.post('/orders', { schema: newOrder }, async (request, reply) => {
    const key = request.headers['idempotency-key'] ?? null;
    const placed = await inTransaction(database, (client) => placeOrder(client, key, request.body.items));
    return reply.code(placed.isNew ? 201 : 200).send(await findOrder(database, placed.id));
  });

  app.get('/orders/:id', { schema: orderId }, async (request, reply) => {
    const order = await findOrder(database, request.params.id);
    return order ?? reply.code(404).send({ error: 'no such order' });
  });
}

/**
 * @param {import('pg').PoolClient} client
 * @param {string | null} key
 * @param {{ productId: string, quantity: number }[]} items
 */
async function placeOrder(client, key, items) {
  const created = await client.query(
    'insert into orders (idempotency_key) values ($1) on conflict (idempotency_key) do nothing returning id',
    [key],
  );
  if (created.rowCount === 0) {
    const earlier = await client.query('select id from orders where idempotency_key = $1', [key]);
    return { id: earlier.rows[0].id, isNew: false };
  }
  const { id } = created.rows[0];
  const lines = await client.query(
    `insert into order_lines (order_id, line, product_id, quantity, price_cents)
     select $1, item.line, products.id, item.quantity, products.price_cents
     from unnest($2::text[], $3::int[]) with ordinality as item (product_id, quantity, line)
     join products on products.id = item.product_id`,
    [id, items.map((item) => item.productId), items.map((item) => item.quantity)],
  );
  if (lines.rowCount !== items.length) {
    throw Object.assign(new Error('an item names a product that does not exist'), { statusCode: 422 });
  }
  return { id, isNew: true };
}

/** @param {import('pg').Pool} database @param {string} id */
async function findOrder(database, id) {
  const { rows } = await database.query(
    `select orders.id, orders.created_at as "createdAt",
            sum(quantity * price_cents)::int as "totalCents",
            json_agg(json_build_object('productId', product_id, 'quantity', quantity, 'priceCents', price_cents) order by line) as items
     from orders join order_lines on order_lines.order_id = orders.id
     where orders.id = $1 group by orders.id`,
    [id],
  );
  return rows[0];
}
