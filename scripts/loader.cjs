// The head of dist/horme.cjs. The program is in one string, which costs nothing until it is compiled: `--version` never
// does, and all else takes V8's compiled form from the user's cache, where the first run left it.
const importMetaUrl = require('node:url').pathToFileURL(__filename).href;
function loadProgram() {
  const { mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
  const { homedir } = require('node:os');
  const { join } = require('node:path');
  const { Script } = require('node:vm');
  const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'horme');
  const cache = join(folder, `${programHash}-${process.version}-${process.arch}.v8`);
  const parameters = 'module, exports, require, __dirname, __filename, importMetaUrl';
  let cachedData;
  try {
    cachedData = readFileSync(cache);
  } catch {
    // The first run of this version.
  }
  const script = new Script(`(function (${parameters}) {${programSource}\n})`, { filename: __filename, cachedData });
  const module = { exports: {} };
  script.runInThisContext()(module, module.exports, require, __dirname, __filename, importMetaUrl);
  if (cachedData === undefined || script.cachedDataRejected) process.once('exit', keep);
  return module.exports;

  function keep() {
    try {
      mkdirSync(folder, { recursive: true });
      writeFileSync(`${cache}.${process.pid}`, script.createCachedData(), { mode: 0o600 });
      renameSync(`${cache}.${process.pid}`, cache);
    } catch {
      // Without a place for it every run compiles anew.
    }
  }
}
