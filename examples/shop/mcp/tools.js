import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { z } from 'zod';

const product = {
  id: z.string(),
  name: z.string(),
  description: z.string(),
  priceCents: z.number().int().describe('Price in cents'),
};
const annotations = { readOnlyHint: true, openWorldHint: false };

/** @param {import('./catalogue.js').Catalogue} catalogue @param {string} version */
export function createMcpServer(catalogue, version) {
  const server = new McpServer({ name: 'shop', version });

  server.registerTool(
    'list_products',
    {
      title: 'List products',
      description: 'All products of the shop with their prices.',
      outputSchema: { products: z.array(z.object(product)) },
      annotations,
    },
    async () => result({ products: await catalogue.list() }),
  );

  server.registerTool(
    'get_product',
    {
      title: 'Get a product',
      description: 'One product, by the id that list_products gives.',
      inputSchema: { id: z.string().min(1).max(50) },
      outputSchema: product,
      annotations,
    },
    async ({ id }) => {
      const found = await catalogue.find(id);
      return found ? result(found) : failure(`There is no product "${id}". list_products gives the ids.`);
    },
  );

  return server;
}

/** As data, and as text for clients that read only that. @param {Record<string, unknown>} data */
function result(data) {
  return { structuredContent: data, content: [{ type: /** @type {const} */ ('text'), text: JSON.stringify(data) }] };
}

/** @param {string} text */
function failure(text) {
  return { isError: true, content: [{ type: /** @type {const} */ ('text'), text }] };
}
