import type { SourceFile } from './source.ts';

/** `x-horme` as it stands in the files, neither interpolated nor checked. */
export interface RawExtensions {
  stack: Record<string, unknown>;
  services: Record<string, unknown>;
  /**
   * A Compose file with the merged extensions, to be read last; undefined when no two files speak of the same place. Compose
   * merges everything but extensions: there the last file replaces the whole, and a route of the base file would silently go.
   */
  overlay: string | undefined;
  /**
   * Whether Compose must be asked for the services' extensions: they are interpolated, inherited or reset. Else what stands in
   * the files is what Compose would say, and a second run of it is saved.
   */
  askCompose: boolean;
}

type Mapping = Record<string, unknown>;

export function rawExtensions(sources: readonly SourceFile[], included: readonly SourceFile[]): RawExtensions {
  const documents = sources.map(toMapping);
  const stack = documents.map((document) => document['x-horme']).filter((value) => value !== undefined);
  const services = new Map<string, unknown[]>();
  for (const document of documents) {
    for (const [name, service] of Object.entries(mapping(document['services']))) {
      const value = mapping(service)['x-horme'];
      if (value !== undefined) services.set(name, [...(services.get(name) ?? []), value]);
    }
  }
  return {
    stack: mapping(stack.reduce(merged, {})),
    services: Object.fromEntries([...services].map(([name, values]) => [name, values.reduce(merged, {})])),
    overlay: overlay(stack, services),
    askCompose: needsCompose(sources, included, services),
  };
}

function needsCompose(
  sources: readonly SourceFile[],
  included: readonly SourceFile[],
  services: Map<string, unknown[]>,
): boolean {
  const all = [...sources, ...included];
  if (!all.some(({ text }) => /[^\n]x-horme/.test(text))) return false;
  if (included.length > 0 || all.some(({ text }) => /\bextends\b|!reset|!override/.test(text))) return true;
  return JSON.stringify([...services.values()]).includes('$');
}

function overlay(stack: unknown[], services: Map<string, unknown[]>): string | undefined {
  const several = [...services].filter(([, values]) => values.length > 1);
  if (stack.length < 2 && several.length === 0) return undefined;
  const document: Mapping = {};
  if (stack.length > 1) document['x-horme'] = stack.reduce(merged, {});
  document['services'] = Object.fromEntries(
    several.map(([name, values]) => [name, { 'x-horme': values.reduce(merged, {}) }]),
  );
  return JSON.stringify(document);
}

/** Mappings are merged, all else is replaced, as Compose does with its own keys. */
function merged(base: unknown, over: unknown): unknown {
  if (!isMapping(base) || !isMapping(over)) return over ?? base;
  const result: Mapping = { ...base };
  for (const [key, value] of Object.entries(over)) result[key] = key in base ? merged(base[key], value) : value;
  return result;
}

/** What the guard let through is small once expanded, so that the parser's own alias limit may rest. */
export function toMapping(source: SourceFile): Mapping {
  return mapping(source.document.toJS({ maxAliasCount: -1 }));
}

export function mapping(value: unknown): Mapping {
  return isMapping(value) ? value : {};
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
