/** Internal: only what asks for the database or the cache is on it, and nothing on it reaches outside by it. */
export const dataNetwork = 'horme-data';
