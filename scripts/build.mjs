// Bundles the command line (and the quickstart) into one file each: `npx horme` installs no dependency.
import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const behindLoader = {
  name: 'behind-loader',
  setup(esbuild) {
    esbuild.onResolve({ filter: /^\.\/commands\/main\.ts$/ }, () => ({ path: 'program', namespace: 'loader' }));
    esbuild.onLoad({ filter: /.*/, namespace: 'loader' }, () => ({ contents: 'module.exports = loadProgram();' }));
  },
};

await Promise.all([bundleProgram(), bundleQuickstart()]);

/** src/cli.ts is compiled at every start, and so is kept small: all behind its dynamic import is one string beside it. */
async function bundleProgram() {
  const program = await bundle('src/commands/main.ts');
  const entry = await bundle('src/cli.ts', [behindLoader]);
  const hash = createHash('sha256').update(program).digest('hex').slice(0, 16);
  const loader = readFileSync(join(root, 'scripts', 'loader.cjs'), 'utf8');
  const constants = `const programHash = '${hash}';\nconst programSource = ${JSON.stringify(program)};\n`;
  write('horme', loader + constants + entry);
}

async function bundleQuickstart() {
  if (!existsSync(join(root, 'src/quickstart/main.ts'))) return;
  const importMetaUrl = 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;\n';
  write('quickstart', importMetaUrl + (await bundle('src/quickstart/main.ts')));
}

async function bundle(source, plugins = []) {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [source],
    bundle: true,
    write: false,
    plugins,
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
    logLevel: 'warning',
  });
  return outputFiles[0].text;
}

function write(name, text) {
  const target = join(root, 'dist', `${name}.cjs`);
  mkdirSync(dirname(target), { recursive: true });
  // Renamed into place: another horme may be starting from the file right now.
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}`);
  writeFileSync(temporary, `#!/usr/bin/env node\n${text}`);
  chmodSync(temporary, 0o755);
  renameSync(temporary, target);
}
