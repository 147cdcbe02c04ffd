import { Redis } from 'ioredis';

/** Answers or fails within about a second: a session is not worth a visitor's wait. @param {string} url */
export function connectCache(url) {
  return new Redis(url, {
    connectTimeout: 1_000,
    commandTimeout: 1_000,
    maxRetriesPerRequest: 1,
    retryStrategy: (attempt) => Math.min(attempt * 100, 1_000),
  });
}
