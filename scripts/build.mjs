// Bundles the command line, the quickstart and the agent: `npx horme` installs no dependency, and the agent's image has no npm.
// `node scripts/build.mjs agent` makes the agent alone.
import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
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

const makers = { program: bundleProgram, quickstart: bundleQuickstart, agent: bundleAgent };
const [wanted] = process.argv.slice(2);
await Promise.all(wanted === undefined ? Object.values(makers).map((make) => make()) : [makers[wanted]()]);

/** src/cli.ts answers what needs no program; all behind its dynamic import is a file of its own. */
async function bundleProgram() {
  const [bundled, texts] = await Promise.all([bundle('src/commands/main.ts'), helpTexts()]);
  const program = asciiOnly(bundled);
  const HORME_HELP = JSON.stringify(JSON.stringify(texts));
  const entry = await bundle('src/cli.ts', { plugins: [behindLoader], define: { HORME_HELP } });
  const words = [...new Set(Object.keys(texts).map((topic) => topic.split(' ')[0]))].filter(Boolean);
  const loader = readFileSync(join(root, 'scripts', 'loader.cjs'), 'utf8');
  const hash = createHash('sha256').update(program).digest('hex').slice(0, 16);
  const parameters = 'module, exports, require, __dirname, __filename, importMetaUrl';
  // Of programs that are no more.
  rmSync(join(root, 'dist', 'compiled'), { recursive: true, force: true });
  write('dist/program', `// ${hash}\n(function (${parameters}) {${program}\n})`);
  write('dist/horme', `#!/usr/bin/env node\n${loader}const commandWords = ${JSON.stringify(words)};\n${entry}`);
}

/** The loader reads it so. Strings are escaped already; regular expressions are left, where the escape means the same. */
function asciiOnly(text) {
  return text.replace(/[^\x00-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** From the parser itself, so that the texts are what it would print. */
async function helpTexts() {
  const module = { exports: {} };
  new Function('module', 'require', await bundle('src/commands/help-texts.ts'))(module, createRequire(import.meta.url));
  return module.exports.helpTexts();
}

async function bundleQuickstart() {
  if (!existsSync(join(root, 'src/quickstart/main.ts'))) return;
  const importMetaUrl = 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;\n';
  write('dist/quickstart', `#!/usr/bin/env node\n${importMetaUrl}${await bundle('src/quickstart/main.ts')}`);
}

/** Beside its Dockerfile: the image's tag names what is in that folder. */
async function bundleAgent() {
  write('images/backup/agent', `#!/usr/bin/node\n${await bundle('src/agent/main.ts')}`);
}

async function bundle(source, { plugins = [], define = {} } = {}) {
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
    // Of ws and pg: native speed-ups that they do without when they are missing.
    external: ['bufferutil', 'utf-8-validate', 'pg-native'],
    define: {
      HORME_VERSION: JSON.stringify(version),
      'import.meta.dirname': '__dirname',
      'import.meta.filename': '__filename',
      'import.meta.url': 'importMetaUrl',
      ...define,
    },
    logLevel: 'warning',
  });
  return outputFiles[0].text;
}

function write(name, text) {
  const target = join(root, `${name}.cjs`);
  mkdirSync(dirname(target), { recursive: true });
  // Renamed into place: another horme may be starting from the file right now.
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}`);
  writeFileSync(temporary, text);
  chmodSync(temporary, 0o755);
  renameSync(temporary, target);
}
