import { dirname, relative, resolve } from 'node:path';
import { isAlias, isCollection, isPair, isScalar } from 'yaml';
import type { Node } from 'yaml';
import { isInside } from './contained.ts';
import type { Diagnostic } from './diagnostics.ts';
import { referencesOf } from './references.ts';
import type { Reference } from './references.ts';
import { at, parseSource, readText } from './source.ts';
import type { SourceFile } from './source.ts';

export interface Guarded {
  /** The given files, in their order. */
  sources: SourceFile[];
  /** Files that they include or extend. */
  included: SourceFile[];
  /** Environment files that Compose will read because a file names them. */
  environmentFiles: string[];
  diagnostics: Diagnostic[];
}

/**
 * Limit after alias expansion. 1 MiB of YAML has at most 500,000 nodes without aliases; a nine-level bomb has 400
 * million.
 */
export const maxExpandedNodes = 500_000;
const maxFiles = 100;
/** Allowed tags. `!!binary` is not among them, since it could hide a path that Compose decodes. */
const knownTags = /^(?:!reset|!override|tag:yaml\.org,2002:(?:str|int|float|bool|null|map|seq))$/;
/**
 * Includes line ends that only Compose's YAML 1.1 parser knows and ours (1.2) does not: a comment for one parser would
 * be a key for the other. Other control characters have no use in a Compose file.
 */

const forbiddenCharacters = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u0085\u2028\u2029\ufeff]|\r(?!\n)/;

/** A file to guard, and the folder that its relative paths start from. */
interface Queued {
  path: string;
  base: string;
  given: boolean;
}

/** Reads the user's files before Compose does, and refuses what would harm the machine or leave the project. */
export async function guardFiles(files: string[], directory: string): Promise<Guarded> {
  const guarded: Guarded = { sources: [], included: [], environmentFiles: [], diagnostics: [] };
  const queue: Queued[] = files.map((path) => ({ path, base: directory, given: true }));
  const seen = new Set<string>();
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const key = `${next.path}\n${next.base}`;
    if (seen.has(key)) continue;
    seen.add(key);
    if (seen.size > maxFiles) {
      const mend = 'include fewer files';
      guarded.diagnostics.push(wholeFile(next.path, directory, `more than ${maxFiles} files are included`, mend));
      return guarded;
    }
    const source = await guardFile(next.path, directory, guarded.diagnostics);
    if (source === undefined) continue;
    (next.given ? guarded.sources : guarded.included).push(source);
    queue.push(...(await guardReferences(source, next.base, directory, guarded)));
  }
  return guarded;
}

async function guardFile(path: string, directory: string, out: Diagnostic[]): Promise<SourceFile | undefined> {
  const read = await readText(path);
  if ('problem' in read) {
    out.push(wholeFile(path, directory, read.problem, read.mend));
    return undefined;
  }
  const character = forbiddenCharacters.exec(read.text);
  if (character !== null) {
    out.push(forbidden(path, directory, read.text, character));
    return undefined;
  }
  const source = parseSource(path, directory, read.text);
  if (Array.isArray(source)) {
    out.push(...source);
    return undefined;
  }
  const problems = [...aliasProblems(source), ...nodeProblems(source)];
  out.push(...problems);
  return problems.length === 0 ? source : undefined;
}

function forbidden(path: string, directory: string, text: string, found: RegExpExecArray): Diagnostic {
  const before = text.slice(0, found.index).split('\n');
  const code = (found[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return {
    ...wholeFile(path, directory, `the character U+${code} is not allowed in a Compose file`, 'take it out'),
    line: before.length,
    column: (before.at(-1)?.length ?? 0) + 1,
  };
}

function wholeFile(path: string, directory: string, message: string, mend: string): Diagnostic {
  return { file: relative(directory, path) || path, line: 0, column: 0, path: '', message, mend };
}

function nodeProblems(source: SourceFile): Diagnostic[] {
  const found: Diagnostic[] = [];
  // A YAML directive can change the meaning of the tags below.
  const directive = /^%/m.exec(source.text);
  if (directive !== null) {
    found.push(
      at(source, directive.index, '', 'YAML directives are not allowed', 'take the lines that begin with % out'),
    );
  }
  const rest: unknown[] = [source.document.contents];
  while (rest.length > 0) {
    const node = rest.pop();
    if (isPair(node)) rest.push(node.key, node.value);
    else if (isCollection(node)) {
      tagged(source, node, found);
      for (const item of node.items) rest.push(item);
    } else if (isScalar(node)) tagged(source, node, found);
  }
  return found;
}

function tagged(source: SourceFile, node: Node & { tag?: string; value?: unknown }, found: Diagnostic[]): void {
  const offset = node.range?.[0] ?? 0;
  if (node.tag !== undefined && !knownTags.test(node.tag)) {
    found.push(at(source, offset, '', `the YAML tag ${JSON.stringify(node.tag)} is not allowed`, 'take it out'));
  }
  if (node.value === '__proto__') found.push(at(source, offset, '', 'the name __proto__ is not allowed', 'rename it'));
}

/**
 * Counts the nodes after alias expansion. Each anchored node is counted once, so that a YAML bomb is cheap to detect.
 */
function aliasProblems(source: SourceFile): Diagnostic[] {
  const sizes = new Map<unknown, number>();
  const open = new Set<unknown>();
  let problem: Diagnostic | undefined;
  const size = (node: unknown): number => {
    if (problem !== undefined) return 0;
    if (isAlias(node)) return aliasSize(node);
    if (isPair(node)) return size(node.key) + size(node.value);
    if (!isCollection(node)) return 1;
    const known = sizes.get(node);
    if (known !== undefined) return known;
    open.add(node);
    let total = 1;
    for (const item of node.items) total += size(item);
    open.delete(node);
    sizes.set(node, total);
    return total;
  };
  const aliasSize = (node: unknown): number => {
    const target = isAlias(node) ? source.targets.get(node) : undefined;
    const offset = isAlias(node) ? (node.range?.[0] ?? 0) : 0;
    if (target === undefined)
      problem = at(source, offset, '', 'this alias has no anchor', 'define the anchor before it');
    else if (open.has(target)) problem = at(source, offset, '', 'this alias contains itself', 'take it out');
    else return size(target);
    return 0;
  };
  const total = size(source.document.contents);
  if (problem !== undefined) return [problem];
  if (total <= maxExpandedNodes) return [];
  const mend = 'an alias bomb would take all memory; write the values out, with fewer levels of anchors';
  return [
    at(
      source,
      0,
      '',
      `its aliases expand to ${total.toExponential(1)} nodes, more than the limit of ${maxExpandedNodes}`,
      mend,
    ),
  ];
}

/** Returns the Compose files that have to be guarded as well. */
async function guardReferences(
  source: SourceFile,
  base: string,
  directory: string,
  guarded: Guarded,
): Promise<Queued[]> {
  const queued: Queued[] = [];
  for (const reference of referencesOf(source)) {
    const path = resolve(base, reference.text);
    const problem = await referenceProblem(reference, path, directory);
    if (problem !== undefined) {
      guarded.diagnostics.push(at(source, reference.offset, reference.key, ...problem));
      continue;
    }
    if (reference.kind === 'environment') guarded.environmentFiles.push(path);
    if (reference.kind !== 'compose') continue;
    const folder = reference.folder === undefined ? dirname(path) : resolve(base, reference.folder);
    queued.push({ path, base: folder, given: false });
  }
  return queued;
}

async function referenceProblem(
  reference: Reference,
  path: string,
  directory: string,
): Promise<[message: string, mend: string] | undefined> {
  const quoted = JSON.stringify(reference.text);
  if (reference.text.includes('$')) {
    const mend = 'write the path out; .env.<environment> is for what differs';
    return [`${quoted} cannot be checked before Compose reads it`, mend];
  }
  if (/^[a-z][a-z0-9+.-]+:|^git@/i.test(reference.text)) {
    return [`${quoted} is not a file of the project`, 'download it into the project, and review it'];
  }
  // Compose implicitly reads the `.env` in the folder of an included file.
  const implied = reference.key === 'include' ? [resolve(path, '.env'), resolve(dirname(path), '.env')] : [];
  for (const candidate of [path, ...implied]) {
    if (await isInside(directory, candidate)) continue;
    return [`${quoted} leads outside the project directory`, 'keep the file inside the project'];
  }
  return undefined;
}
