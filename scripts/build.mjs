// Bundles the command line (and the quickstart) into one file each: `npx horme` installs no dependency.
import { build } from 'esbuild';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const entries = { horme: 'src/cli.ts', quickstart: 'src/quickstart/main.ts' };

await Promise.all(
  Object.entries(entries)
    .filter(([, source]) => existsSync(join(root, source)))
    .map(([name, source]) => bundle(source, join(root, 'dist', `${name}.cjs`))),
);

async function bundle(source, target) {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [source],
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    // Identifiers keep their names, so that a bug's stack says where it was.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    // Of ws: native speed-ups that it does without when they are missing.
    external: ['bufferutil', 'utf-8-validate'],
    define: {
      HORME_VERSION: JSON.stringify(version),
      'import.meta.dirname': '__dirname',
      'import.meta.filename': '__filename',
      'import.meta.url': 'importMetaUrl',
    },
    banner: {
      js: '#!/usr/bin/env node\nconst importMetaUrl=require("node:url").pathToFileURL(__filename).href;',
    },
    logLevel: 'warning',
  });
  mkdirSync(dirname(target), { recursive: true });
  // Renamed into place: another horme may be starting from the file right now.
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}`);
  writeFileSync(temporary, outputFiles[0].contents);
  chmodSync(temporary, 0o755);
  renameSync(temporary, target);
}
