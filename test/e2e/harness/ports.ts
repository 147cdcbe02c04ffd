/** Away from the ports of examples/shop, and below those that the kernel gives to clients. */
const firstPort = 18_080;
/** What a worker may use. */
const each = 1000;

/** Of this worker alone: what runs side by side must not meet. Vitest counts its workers from 1. */
export const ownPort = firstPort + each * (Number(process.env['VITEST_POOL_ID'] ?? '1') - 1);

/** From HTTP to HTTPS, as between 80 and 443. */
export const toHttps = 363;
