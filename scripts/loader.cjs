// The head of dist/horme.cjs, which is compiled at every start and so is kept small. The program lies beside it and is read
// when a command is to be run. V8's compiled form of what a command used is kept beside it too, where that may be written.
const importMetaUrl = require('node:url').pathToFileURL(__filename).href;
function loadProgram() {
  const { mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
  const { join } = require('node:path');
  const { Script } = require('node:vm');
  const filename = join(__dirname, 'program.cjs');
  // ASCII, as the build made sure: nothing is to be decoded.
  const source = readFileSync(filename, 'latin1');
  // V8 compares no more than the length of the source: the program says itself which one it is.
  const hash = source.slice('// '.length, source.indexOf('\n'));
  // Each command has its own: another one's compiled form has little of what it needs, and is as long to read.
  const command = process.argv.slice(2).find((word) => commandWords.includes(word)) ?? 'none';
  const folder = join(__dirname, 'compiled');
  const cache = join(folder, `${hash}-${process.version}-${process.arch}-${command}.v8`);
  let cachedData;
  try {
    cachedData = readFileSync(cache);
  } catch {
    // The first run of this command.
  }
  const script = new Script(source, { filename, cachedData });
  const module = { exports: {} };
  script.runInThisContext()(module, module.exports, require, __dirname, __filename, importMetaUrl);
  if (cachedData === undefined || script.cachedDataRejected) process.once('exit', keep);
  return module.exports;

  function keep(exitCode) {
    // What failed may have ended before it came to most of what the command needs.
    if (exitCode !== 0 && command !== 'none') return;
    try {
      mkdirSync(folder, { recursive: true });
      writeFileSync(`${cache}.${process.pid}`, script.createCachedData(), { mode: 0o644 });
      renameSync(`${cache}.${process.pid}`, cache);
    } catch {
      // Without a place for it every run compiles anew.
    }
  }
}
