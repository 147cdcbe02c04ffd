/**
 * @typedef {{ id: string, name: string, description: string, priceCents: number }} Product
 * @typedef {ReturnType<typeof createCatalogue>} Catalogue
 */

const TIMEOUT_MS = 5_000;

/** The shop's API, as this server uses it. @param {string} apiUrl */
export function createCatalogue(apiUrl) {
  return {
    /** @returns {Promise<Product[]>} */
    async list() {
      const response = await get(`${apiUrl}/products`);
      if (!response.ok) throw new Error(`the shop answered ${response.status}`);
      return (await response.json()).products;
    },

    /** @param {string} id @returns {Promise<Product | undefined>} */
    async find(id) {
      const response = await get(`${apiUrl}/products/${encodeURIComponent(id)}`);
      if (response.status === 404) return undefined;
      if (!response.ok) throw new Error(`the shop answered ${response.status}`);
      return response.json();
    },
  };
}

/** Tries once more: a replica of the API may have gone away with the connection that was kept to it. @param {string} url */
async function get(url) {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    return await fetch(url, { signal });
  } catch (error) {
    if (signal.aborted) throw new Error(`the shop did not answer within ${TIMEOUT_MS / 1000} s`, { cause: error });
    return fetch(url, { signal }).catch((cause) => {
      throw new Error('the shop cannot be reached', { cause });
    });
  }
}
