import { dirname } from 'node:path';
import { isMap, isScalar, isSeq } from 'yaml';
import type { Node } from 'yaml';
import { everyPair, keyText, pairsOf, resolved } from './source.ts';
import type { SourceFile } from './source.ts';

/** A file that Compose reads by itself when it reads this one. */
export interface Reference {
  kind: 'compose' | 'environment' | 'folder';
  key: 'extends' | 'include' | 'env_file' | 'label_file';
  /** As written. */
  text: string;
  offset: number;
  /** For an included file: base of its relative paths, if that is not its own folder. */
  folder?: string;
}

/**
 * All `extends`, `include`, `env_file` and `label_file` of a file, wherever the key occurs: a check of services alone
 * would miss a path behind an anchor, a merge or an alias.
 */
export function referencesOf(source: SourceFile): Reference[] {
  const found: Reference[] = [];
  for (const pair of everyPair(source)) {
    const key = keyText(source, pair);
    if (key === 'env_file' || key === 'label_file')
      found.push(...paths(source, pair.value, 'environment', key, ['path']));
    if (key === 'extends') found.push(...paths(source, mapOnly(source, pair.value), 'compose', key, ['file']));
  }
  return [...found, ...includes(source)];
}

function includes(source: SourceFile): Reference[] {
  const root = source.document.contents;
  if (!isMap(root)) return [];
  const values = pairsOf(source, root).filter((pair) => keyText(source, pair) === 'include');
  return values.flatMap((pair) => {
    const node = resolved(source, pair.value);
    return (isSeq(node) ? node.items : [node]).flatMap((entry) => includeEntry(source, entry));
  });
}

/** `include: [file]` or `include: [{path: file or list, project_directory, env_file}]`. */
function includeEntry(source: SourceFile, entry: unknown): Reference[] {
  const node = resolved(source, entry);
  const files = paths(source, node, 'compose', 'include', ['path']);
  if (!isMap(node)) return files;
  const folders = paths(source, onlyKey(source, node, 'project_directory'), 'folder', 'include', []);
  const environments = paths(source, onlyKey(source, node, 'env_file'), 'environment', 'include', []);
  // Several files of one entry are merged and resolve paths from the folder of the first.
  const folder = folders.at(-1)?.text ?? (files.length > 1 ? dirname(files[0]?.text ?? '') : undefined);
  const placed = files.map((file) => (folder === undefined ? file : { ...file, folder }));
  return [...placed, ...folders, ...environments];
}

function onlyKey(source: SourceFile, node: Node | undefined, key: string): unknown {
  if (!isMap(node)) return undefined;
  return pairsOf(source, node).findLast((pair) => keyText(source, pair) === key)?.value;
}

/** `extends: base` names a service of the same file. */
function mapOnly(source: SourceFile, value: unknown): Node | undefined {
  const node = resolved(source, value);
  return isMap(node) ? node : undefined;
}

/** Scalars, lists of them, and the given keys of mappings. */
function paths(
  source: SourceFile,
  from: unknown,
  kind: Reference['kind'],
  key: Reference['key'],
  keys: string[],
): Reference[] {
  const node = resolved(source, from);
  if (isScalar(node)) {
    const value: unknown = node.value;
    const text = typeof value === 'string' ? value : (node.source ?? '');
    if (value === null || text === '') return [];
    return [{ kind, key, text, offset: node.range?.[0] ?? 0 }];
  }
  if (isSeq(node)) return node.items.flatMap((item) => paths(source, item, kind, key, keys));
  if (!isMap(node)) return [];
  return pairsOf(source, node)
    .filter((pair) => keys.includes(keyText(source, pair)))
    .flatMap((pair) => paths(source, pair.value, kind, key, keys));
}
