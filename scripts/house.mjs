// Draws the folders of src/ and which of them imports which into ARCHITECTURE.md; `--check` only says whether the picture is true.
import { cruise } from 'dependency-cruiser';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const page = join(root, 'ARCHITECTURE.md');
const [begin, end] = ['<!-- drawn by `npm run docs` -->\n', '<!-- /drawn -->'];

const { modules } = (
  await cruise(['src'], {
    baseDir: root,
    tsPreCompilationDeps: true,
    exclude: { path: '[.]test[.]ts$|/testing[.]ts$|/simulator[.]ts$|^node_modules' },
  })
).output;

const written = readFileSync(page, 'utf8');
const [before, rest] = written.split(begin);
const after = rest?.split(end)[1];
if (after === undefined) throw new Error('ARCHITECTURE.md has no place for the picture');
const drawn = `${before}${begin}${picture(arrows())}${end}${after}`;
if (!process.argv.includes('--check')) writeFileSync(page, drawn);
else if (drawn !== written) {
  console.error('the picture of the folders in ARCHITECTURE.md is out of date: npm run docs');
  process.exitCode = 1;
}

/** A part is a folder of its own, and what parts are is apart from their list; files beside the folders are known to all. */
function folderOf(path) {
  const [, first, second] = path.split('/');
  if (second === undefined) return undefined;
  return first === 'parts' ? `parts/${second}` : first;
}

/** By folder, the folders that it imports. */
function arrows() {
  const all = new Map();
  for (const { source, dependencies } of modules) {
    const from = folderOf(source);
    if (from === undefined) continue;
    const known = all.get(from) ?? new Set();
    all.set(from, known);
    for (const { resolved } of dependencies) {
      const to = resolved.startsWith('src/') ? folderOf(resolved) : undefined;
      if (to !== undefined && to !== from) known.add(to);
    }
  }
  return all;
}

/** Without the arrows that follow from others: who imports `deploy` may import what that imports. */
function picture(all) {
  const reaches = (from, to, seen = new Set()) =>
    [...(all.get(from) ?? [])].some((next) => next === to || (!seen.has(next) && reaches(next, to, seen.add(next))));
  const lines = [...all].sort().flatMap(([from, targets]) =>
    [...targets]
      .sort()
      .filter((to) => ![...targets].some((other) => other !== to && reaches(other, to)))
      .map((to) => `  ${node(from)} --> ${node(to)}`),
  );
  return ['```mermaid', 'flowchart TD', ...lines, '```', ''].join('\n');
}

function node(folder) {
  return `${folder.replaceAll(/[/.]/g, '_')}[${folder}]`;
}
