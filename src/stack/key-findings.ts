import { composeKeys, type Handling } from './compose-keys.ts';
import type { Finding, Path } from './locate.ts';

interface Met {
  path: Path;
  handling: Handling;
}

/** Keys that Horme would deploy wrongly, each with its place and a fix. */
export function refusedKeys(document: unknown): Finding[] {
  return met(document, 'refused').map(({ path, handling }) => ({
    path,
    message: `${path.at(-1)} is not supported`,
    mend: handling.text,
  }));
}

/** Warnings for keys that neither Horme nor Compose reads, with what Horme does instead. */
export function toldKeys(document: unknown): string[] {
  return met(document, 'told').map(({ path, handling }) => `${path.join('.')} is not read: ${handling.text}`);
}

function met(document: unknown, kind: 'refused' | 'told'): Met[] {
  return composeKeys.flatMap(({ path, keys }) =>
    placesOf(document, path === '' ? [] : path.split('.'), []).flatMap((place) =>
      Object.entries(keys).flatMap(([key, handling]) => {
        const value = place.value[key];
        if (handling.kind !== kind || isEmpty(value) || handling.when?.(value) === false) return [];
        return [{ path: [...place.path, key], handling }];
      }),
    ),
  );
}

/** Compose's JSON contains empty values for some keys that the file lacks. */
const isEmpty = (value: unknown) =>
  value === undefined ||
  value === null ||
  value === false ||
  (typeof value === 'object' && Object.keys(value).length === 0);

interface Place {
  path: Path;
  value: Record<string, unknown>;
}

function placesOf(value: unknown, steps: string[], path: Path): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  const inner = value as Record<string, unknown>;
  const [step, ...rest] = steps;
  if (step === undefined) return [{ path, value: inner }];
  if (step !== '*' && step !== '[]') return placesOf(inner[step], rest, [...path, step]);
  return Object.entries(inner).flatMap(([key, one]) =>
    placesOf(one, rest, [...path, Array.isArray(value) ? Number(key) : key]),
  );
}
