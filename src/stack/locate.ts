import { isMap, isScalar, isSeq } from 'yaml';
import type { Node } from 'yaml';
import type { Diagnostic } from './diagnostics.ts';
import { at, keyText, pairsOf, resolved } from './source.ts';
import type { SourceFile } from './source.ts';

export type Path = readonly (string | number)[];

export interface Finding {
  path: Path;
  message: string;
  mend: string;
  /** A text that occurs in the value, for lists: an index in the merged document is no index in the source file. */
  hint?: string;
}

/**
 * Locates a finding in the user's files: the deepest match, in the last file that has it, since later files override.
 */
export function locate(sources: readonly SourceFile[], finding: Finding): Diagnostic {
  let best: { source: SourceFile; depth: number; offset: number } | undefined;
  for (const source of sources) {
    const match = follow(source, finding.path, finding.hint);
    if (best === undefined || match.depth >= best.depth) best = { source, ...match };
  }
  const path = finding.path.join('.');
  if (best === undefined) return { file: '', line: 0, column: 0, path, message: finding.message, mend: finding.mend };
  if (best.depth === 0) return { ...at(best.source, 0, path, finding.message, finding.mend), line: 0, column: 0 };
  return at(best.source, best.offset, path, finding.message, finding.mend);
}

function follow(source: SourceFile, path: Path, hint: string | undefined): { depth: number; offset: number } {
  let node: Node | undefined = source.document.contents ?? undefined;
  let offset = 0;
  let depth = 0;
  for (const step of path) {
    const next = child(source, node, step);
    if (next === undefined) break;
    ({ node, offset } = next);
    depth += 1;
  }
  const hinted = hint === undefined ? undefined : scalarWith(source, node, hint);
  if (depth > 0 && hinted !== undefined) return { depth: depth + 0.5, offset: hinted };
  return { depth, offset };
}

/** A mapping's finding points at its key, a list's at the item. */
function child(source: SourceFile, node: Node | undefined, step: string | number) {
  if (isSeq(node)) {
    const item = node.items[Number(step)];
    const value = resolved(source, item);
    return value === undefined ? undefined : { node: value, offset: rangeOf(item) ?? 0 };
  }
  if (!isMap(node)) return undefined;
  const pair = pairsOf(source, node).findLast((candidate) => keyText(source, candidate) === String(step));
  return pair === undefined ? undefined : { node: resolved(source, pair.value), offset: rangeOf(pair.key) ?? 0 };
}

function rangeOf(node: unknown): number | undefined {
  return typeof node === 'object' && node !== null && 'range' in node ? (node as Node).range?.[0] : undefined;
}

function scalarWith(source: SourceFile, root: Node | undefined, hint: string): number | undefined {
  const rest: unknown[] = [root];
  const seen = new Set<unknown>();
  while (rest.length > 0) {
    const node = resolved(source, rest.shift());
    if (seen.has(node)) continue;
    seen.add(node);
    if (isScalar(node) && String(node.value).includes(hint)) return node.range?.[0];
    if (isSeq(node)) rest.push(...node.items);
    if (isMap(node)) rest.push(...node.items.flatMap(({ key, value }) => [key, value]));
  }
  return undefined;
}

export interface Use {
  source: SourceFile;
  offset: number;
  path: string;
}

/** Where `${X}` or `$X` stands in the files' values, without a default; not in comments. */
export function usesOf(sources: readonly SourceFile[], variable: string): Use[] {
  const name = variable.replaceAll(/[^A-Za-z0-9_]/g, '');
  const pattern = new RegExp(`(?<!\\$)(?:\\$\\$)*\\$(?:\\{${name}\\}|${name}(?![A-Za-z0-9_]))`);
  return sources.flatMap((source) =>
    [...everyText(source)].flatMap(({ path, start, end }) => {
      const match = pattern.exec(source.text.slice(start, end));
      return match === null ? [] : [{ source, offset: start + match.index, path: path.join('.') }];
    }),
  );
}

/** Every string value with its path. A loop instead of recursion, since an attacker controls the depth. */
function* everyText(source: SourceFile): Generator<{ path: Path; start: number; end: number }> {
  const rest: { node: unknown; path: Path }[] = [{ node: source.document.contents, path: [] }];
  while (rest.length > 0) {
    const { node, path } = rest.pop() ?? { node: undefined, path: [] };
    if (isMap(node))
      rest.push(...node.items.map((pair) => ({ node: pair.value, path: [...path, keyText(source, pair)] })));
    if (isSeq(node)) rest.push(...node.items.map((item, index) => ({ node: item, path: [...path, index] })));
    if (!isScalar(node) || typeof node.value !== 'string' || !node.range) continue;
    yield { path, start: node.range[0], end: node.range[1] };
  }
}
