import type { SourceFile } from './source.ts';

/** `x-horme` as written in the files, not interpolated and not validated. */
export interface RawExtensions {
  stack: Record<string, unknown>;
  services: Record<string, unknown>;
  /**
   * A Compose file with the merged extensions, to be read last; undefined if no two files set the same place. Compose
   * does not merge extensions: the last file replaces the whole value, and a route of the base file would be lost
   * silently.
   */
  overlay: string | undefined;
  /**
   * Whether a second run of Compose must print the services' extensions, because they are interpolated, inherited or
   * reset. Otherwise the text in the files is the final value.
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

/** Merges mappings and replaces everything else, as Compose does with its own keys. */
function merged(base: unknown, over: unknown): unknown {
  if (!isMapping(base) || !isMapping(over)) return over ?? base;
  const result: Mapping = { ...base };
  for (const [key, value] of Object.entries(over)) result[key] = key in base ? merged(base[key], value) : value;
  return result;
}

/** The guard has limited the expanded size already, so the parser's alias limit is off. */
export function toMapping(source: SourceFile): Mapping {
  return mapping(source.document.toJS({ maxAliasCount: -1 }));
}

export function mapping(value: unknown): Mapping {
  return isMapping(value) ? value : {};
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
