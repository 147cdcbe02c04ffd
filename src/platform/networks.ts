/** Internal: only what asks for the database or the cache is on it, and nothing on it reaches outside by it. */
export const dataNetwork = 'horme-data';
/** HAProxy and the services that have a route. */
export const edgeNetwork = 'horme-edge';
