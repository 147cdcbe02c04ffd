import { open } from 'node:fs/promises';
import { relative } from 'node:path';
import {
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  visit,
} from 'yaml';
import type { Alias, Document, Node, Pair, YAMLMap } from 'yaml';
import type { Diagnostic } from './diagnostics.ts';

/** One of the user's YAML files, parsed and checked by the guard. */
export interface SourceFile {
  /** Absolute. */
  path: string;
  /** The path in messages, relative to the project directory. */
  display: string;
  text: string;
  lines: LineCounter;
  document: Document.Parsed;
  /** What each alias stands for. */
  targets: Map<Alias, Node>;
}

/**
 * Largest file that is read, bytes. 5,000 services are 600 kB. Compose needs 100 to 300 times a file's size in memory,
 * so a file of 50 MB would exhaust the machine's memory.
 */
export const maxFileBytes = 1024 * 1024;

export type Read = { text: string } | { problem: string; mend: string };

/** Reads a regular file up to the limit. Opened non-blocking, so that a pipe in the user's folder can't hang Horme. */
export async function readText(path: string): Promise<Read> {
  const file = await open(path, 0o4000 /* O_NONBLOCK */).catch(() => undefined);
  if (file === undefined) return { problem: 'the file cannot be read', mend: 'create it, or take its name out' };
  try {
    const status = await file.stat();
    if (!status.isFile()) return { problem: 'not a regular file', mend: 'give a file' };
    if (status.size > maxFileBytes) return tooLarge(status.size);
    const bytes = Buffer.alloc(maxFileBytes + 1);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return bytesRead > maxFileBytes ? tooLarge(bytesRead) : decode(bytes.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

function tooLarge(size: number): Read {
  const megabytes = (size / maxFileBytes).toFixed(1);
  return {
    problem: `the file has ${megabytes} MiB, more than the limit of 1 MiB: reading it would take Compose hundreds of times that`,
    mend: 'split the application, or put generated data into files that are mounted',
  };
}

function decode(bytes: Buffer): Read {
  try {
    // The decoder removes a byte order mark.
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return { problem: 'the file is not UTF-8', mend: 'save it as UTF-8' };
  }
}

export function parseSource(path: string, directory: string, text: string): SourceFile | Diagnostic[] {
  const display = relative(directory, path) || path;
  const lines = new LineCounter();
  const whole = (message: string, mend: string): Diagnostic[] => [
    { file: display, line: 0, column: 0, path: '', message, mend },
  ];
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    merge: true,
    logLevel: 'error',
    prettyErrors: false,
  });
  if ('empty' in documents || documents.length === 0) return whole('the file is empty', 'add services');
  const [document, second] = documents;
  if (document === undefined) return whole('the file is empty', 'add services');
  const source: SourceFile = { path, display, text, lines, document, targets: aliasTargets(document) };
  const errors = document.errors.map((error) => syntaxError(source, error));
  if (errors.length > 0) return errors;
  if (second !== undefined)
    return [at(source, second.range[0], '', 'a second YAML document begins here', 'keep one document a file')];
  if (document.contents === null) return whole('the file is empty', 'add services');
  if (!isMap(document.contents)) return whole('the file is not a mapping', 'begin with `services:`');
  return source;
}

function syntaxError(source: SourceFile, error: { code: string; pos: [number, number]; message: string }): Diagnostic {
  const mends: Record<string, string> = {
    TAB_AS_INDENT: 'indent with spaces',
    DUPLICATE_KEY: 'keep one of the two',
    RESOURCE_EXHAUSTION: 'a Compose file has a dozen levels at most',
  };
  const message = error.code === 'RESOURCE_EXHAUSTION' ? 'nested too deep' : (error.message.split('\n')[0] ?? '');
  return at(source, error.pos[0], '', message, mends[error.code] ?? 'mend the YAML');
}

/** A diagnostic at an offset of the file. */
export function at(source: SourceFile, offset: number, path: string, message: string, mend: string): Diagnostic {
  const { line, col } = source.lines.linePos(offset);
  const start = source.lines.lineStarts[line - 1] ?? 0;
  const text = source.text.slice(start).split('\n', 1)[0]?.replace(/\r$/, '') ?? '';
  return { file: source.display, line, column: col, path, message, mend, source: text };
}

/** An anchor may be redefined: an alias refers to the last definition before it. */
function aliasTargets(document: Document.Parsed): Map<Alias, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  visit(document, {
    Node(_key, node) {
      if (isAlias(node)) {
        const target = anchors.get(node.source);
        if (target !== undefined) targets.set(node, target);
      } else if ('anchor' in node && typeof node.anchor === 'string') anchors.set(node.anchor, node);
    },
  });
  return targets;
}

/** The node itself, or what the alias stands for. */
export function resolved(source: SourceFile, node: unknown): Node | undefined {
  if (isAlias(node)) return source.targets.get(node);
  return isNode(node) ? node : undefined;
}

export function keyText(source: SourceFile, pair: Pair): string {
  const key = resolved(source, pair.key);
  if (!isScalar(key)) return '';
  // The parser turns the key of a merge into a symbol.
  return typeof key.value === 'symbol' ? (key.value.description ?? '') : String(key.value);
}

/** The pairs of a mapping, including those merged by `<<`; the ones that win come last. */
export function pairsOf(source: SourceFile, map: YAMLMap, seen = new Set<YAMLMap>()): Pair[] {
  if (seen.has(map)) return [];
  seen.add(map);
  const merged: Pair[] = [];
  const own: Pair[] = [];
  for (const pair of map.items) {
    if (keyText(source, pair) !== '<<') own.push(pair);
    else for (const parent of mergeParents(source, pair.value)) merged.push(...pairsOf(source, parent, seen));
  }
  return [...merged, ...own];
}

function mergeParents(source: SourceFile, value: unknown): YAMLMap[] {
  const node = resolved(source, value);
  if (isMap(node)) return [node];
  return isSeq(node) ? node.items.flatMap((item) => mergeParents(source, item)) : [];
}

/** Every key and value of a file. A loop instead of recursion, since an attacker controls the depth. */
export function* everyPair(source: SourceFile): Generator<Pair> {
  const rest: unknown[] = [source.document.contents];
  while (rest.length > 0) {
    const node = rest.pop();
    if (!isCollection(node)) continue;
    for (const item of node.items) {
      if (isPair(item)) {
        yield item;
        rest.push(item.key, item.value);
      } else rest.push(item);
    }
  }
}
