import { undoubled } from '../engine/compose-config.ts';
import { mapping, toMapping } from './extensions.ts';
import { variablePattern } from './patterns.ts';
import type { SourceFile } from './source.ts';

/**
 * `secrets` and `configs` may name variables, which Compose also reads from environment files but does not print. So
 * Horme adds this key for Compose to interpolate. It holds one entry per variable name; a value begins with `=` if the
 * variable is set.
 */
export const variablesKey = 'x-horme-variables';

export function variablesDocument(sources: readonly SourceFile[]): Record<string, unknown> {
  const names = sources.flatMap(namesIn).filter((name) => variablePattern.test(name));
  if (names.length === 0) return {};
  return { [variablesKey]: Object.fromEntries(names.map((name) => [name, `\${${name}+=}\${${name}-}`])) };
}

function namesIn(source: SourceFile): string[] {
  const document = toMapping(source);
  return ['secrets', 'configs'].flatMap((kind) =>
    Object.values(mapping(document[kind])).flatMap((entry) => {
      const { environment } = mapping(entry);
      return typeof environment === 'string' ? [environment] : [];
    }),
  );
}

export function fileVariables(document: Record<string, unknown>): Record<string, string> {
  const found = Object.entries(mapping(undoubled(document[variablesKey])));
  return Object.fromEntries(
    found.filter(([, value]) => String(value).startsWith('=')).map(([name, value]) => [name, String(value).slice(1)]),
  );
}
