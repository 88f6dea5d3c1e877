/**
 * Runs command lines in this process and writes what V8 then has of each file of the program into a folder:
 * `node scripts/record-code-cache.cjs PROGRAM FOLDER COMMAND-LINES`, the last as JSON. No TypeScript, so that any Node runs it.
 */
const { mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const Module = require("node:module");
const { basename, dirname, join } = require("node:path");
const { setFlagsFromString } = require("node:v8");
const { Script } = require("node:vm");

const [program, folder, commandLines] = process.argv.slice(2);
const scripts = new Map();

// As src/cli/peerlane.cts does: V8 compares its flags and the lengths of sources.
if (process.versions.v8.startsWith("11.3.")) setFlagsFromString("--interrupt-budget=1000000");
require.extensions[".cjs"] = (module, filename) => {
  const script = new Script(Module.wrap(readFileSync(filename, "utf8")), { filename });
  scripts.set(filename, script);
  const load = script.runInThisContext();
  load.call(module.exports, module.exports, module.require.bind(module), module, filename, dirname(filename));
};

async function record() {
  const { run } = require(program);
  for (const words of JSON.parse(commandLines)) {
    await run(words);
    if (process.exitCode !== 0) throw new Error(`peerlane ${words.join(" ")} ended with ${process.exitCode}`);
  }
  const target = join(folder, `${process.versions.v8}-${process.arch}`);
  mkdirSync(target, { recursive: true });
  for (const [filename, script] of scripts) writeFileSync(join(target, basename(filename)), script.createCachedData());
}

void record();
