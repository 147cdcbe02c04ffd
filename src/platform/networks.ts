/** Internal network, without access to the outside, for services that use the database or the cache. */
export const dataNetwork = 'horme-data';
/** HAProxy and the services that have a route. */
export const edgeNetwork = 'horme-edge';
