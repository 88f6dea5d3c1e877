#!/usr/bin/env node
/** As `engines` in package.json has it. */
const OLDEST_MAJOR = 20;
const OLDEST_MINOR = 19;

/** Verbs that keep many reads and writes in flight, each of which holds one thread of libuv's pool. */
const verbsWithDepth = ["bench", "copy", "probe"];

/** Depths that the verbs have without the option, at most, and what goes on beside: the journal, file names. */
const LEAST_DEPTH = 8;
const GREATEST_DEPTH = 64;
const OTHER_THREADS = 2;

/** What is behind `--depth` or `--iodepth`; a wrong value is refused later, by the verb. */
function depthAsked(words: readonly string[]): number {
  const at = words.findIndex((word) => /^--(io)?depth(=|$)/.test(word));
  const [, value = words[at + 1]] = (words[at] ?? "").split("=");
  return Number(value) || 0;
}

/** Ends an older Node with one sentence: what is behind this file it could not even read. */
function refuseOldNode(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > OLDEST_MAJOR || (major === OLDEST_MAJOR && minor >= OLDEST_MINOR)) return false;
  process.stderr.write(`peerlane needs Node ${OLDEST_MAJOR}.${OLDEST_MINOR} or newer, and this is Node ${version}\n`);
  process.exitCode = 4;
  return true;
}

/**
 * Has V8 optimize functions later: what a start does is over before code that was optimized beside it is of use, and the
 * optimizing took a third of its processor time. In a long run it comes some milliseconds later. The flag is one of V8
 * 11.3, that of Node 20, and is part of what a code cache is held against.
 */
function optimizeLater(): void {
  if (!process.versions.v8.startsWith("11.3.")) return;
  const { setFlagsFromString } = require("node:v8") as typeof import("node:v8");
  setFlagsFromString("--interrupt-budget=1000000");
}

/**
 * Has Node take what V8 made of our files when they were built (scripts/build-code-cache.ts), where that was this very V8
 * on this kind of processor; any other compiles them, as it would without the cache.
 */
function useCodeCache(): void {
  const { existsSync, readFileSync } = require("node:fs") as typeof import("node:fs");
  const { basename, dirname, join } = require("node:path") as typeof import("node:path");
  const folder = join(__dirname, "code-cache", `${process.versions.v8}-${process.arch}`);
  if (!existsSync(folder)) return;
  const { wrap } = require("node:module") as typeof import("node:module");
  const { Script } = require("node:vm") as typeof import("node:vm");
  require.extensions[".cjs"] = (module, filename) => {
    const cache = join(folder, basename(filename));
    const cachedData = existsSync(cache) ? readFileSync(cache) : undefined;
    const script = new Script(wrap(readFileSync(filename, "utf8")), { filename, cachedData });
    const load = script.runInThisContext() as (...given: readonly unknown[]) => void;
    load.call(module.exports, module.exports, module.require.bind(module), module, filename, dirname(filename));
  };
}

if (!refuseOldNode(process.versions.node)) {
  const words = process.argv.slice(2);
  if (verbsWithDepth.includes(words[0] ?? "")) {
    const depth = Math.min(Math.max(depthAsked(words), LEAST_DEPTH), GREATEST_DEPTH);
    process.env["UV_THREADPOOL_SIZE"] ??= String(depth + OTHER_THREADS);
  }
  optimizeLater();
  useCodeCache();
  const { run } = require("./cli.cjs" as string) as { run(words: readonly string[]): Promise<void> };
  void run(words);
}
