/**
 * What the process is told by its environment, read once.
 *
 * @typedef {object} Config
 * @property {string} databaseUrl
 * @property {string} redisUrl
 * @property {string} version
 * @property {string} broken  '' works; 'crash' exits 1 at start; 'errors' answers 500. For showing a bad release.
 * @property {number} port
 * @property {string} logLevel
 */

/** @param {NodeJS.ProcessEnv} env @returns {Config} */
export function readConfig(env) {
  return {
    databaseUrl: required(env, 'DATABASE_URL'),
    redisUrl: required(env, 'REDIS_URL'),
    version: env.VERSION || 'v1',
    broken: env.BROKEN ?? '',
    port: Number(env.PORT || 8000),
    logLevel: env.LOG_LEVEL || 'info',
  };
}

/** @param {NodeJS.ProcessEnv} env @param {string} name */
export function required(env, name) {
  const value = env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}
