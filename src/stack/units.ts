const secondsOf: Record<string, number> = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600, d: 86_400 };
/** Docker's: every prefix is binary, with or without `b` and `i`. */
const bytesOf: Record<string, number> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/**
 * A duration in Go's and Compose's notation, such as `1m30s`; `d` for days is accepted too. Needs at least one unit.
 */
export const durationPattern = /^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d))+$/;
/** As Docker writes it, such as `512m` or `2GiB`. */
export const sizePattern = /^(\d+(?:\.\d+)?)\s?(?:([kmgt]?)(?:i?b)?)$/i;

/** Seconds of a text that matches `durationPattern`; undefined for any other. */
export function parseDuration(text: string): number | undefined {
  if (!durationPattern.test(text)) return undefined;
  let seconds = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)/g)) {
    seconds += Number(amount) * (secondsOf[unit ?? ''] ?? 0);
  }
  return seconds;
}

/** Bytes of a text that matches `sizePattern`; undefined for any other. */
export function parseSize(text: string): number | undefined {
  const match = sizePattern.exec(text);
  if (match === null) return undefined;
  return Math.round(Number(match[1]) * (bytesOf[(match[2] ?? '').toLowerCase()] ?? 1));
}
