import { createApp } from './app.js';
import { readConfig } from './config.js';
import { connectCache } from './cache.js';
import { connectDatabase } from './database.js';

/** Under compose.yaml's stop_grace_period of 15 s, so that we end by ourselves before we are killed. */
const SHUTDOWN_DEADLINE_MS = 12_000;

const config = readConfig(process.env);

if (config.broken === 'crash') {
  console.error(`shop-api ${config.version} was built with BROKEN=crash: exiting with 1`);
  process.exit(1);
}

const database = connectDatabase(config.databaseUrl);
const cache = connectCache(config.redisUrl);
const lifecycle = { stopping: false };
const app = createApp({ config, database, cache, lifecycle });

database.on('error', (error) => app.log.warn({ err: error }, 'lost an idle database connection'));
cache.on('error', (error) => app.log.warn({ err: error }, 'the cache is not reachable'));
process.on('SIGTERM', shutDown);
process.on('SIGINT', shutDown);

// Listens at once: while the database is away the process is live and not ready, and recovers without a restart.
await app.listen({ host: '0.0.0.0', port: config.port });

/** Not ready, then the requests in flight, then the connections they used. */
async function shutDown() {
  if (lifecycle.stopping) return;
  lifecycle.stopping = true;
  const deadline = setTimeout(() => {
    app.log.error(`requests were still running after ${SHUTDOWN_DEADLINE_MS / 1000} s: giving up on them`);
    process.exit(1);
  }, SHUTDOWN_DEADLINE_MS);
  await app.close();
  await Promise.allSettled([database.end(), cache.quit()]);
  clearTimeout(deadline);
  process.exit(0);
}
