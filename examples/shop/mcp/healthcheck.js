/** For the image's HEALTHCHECK. */
import { get } from 'node:http';

get({ host: '127.0.0.1', port: process.env.PORT || 8090, path: '/health', timeout: 2_000 }, (response) => {
  process.exit(response.statusCode === 200 ? 0 : 1);
})
  .on('timeout', () => process.exit(1))
  .on('error', () => process.exit(1));
