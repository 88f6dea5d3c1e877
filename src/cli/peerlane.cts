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

if (!refuseOldNode(process.versions.node)) {
  if (verbsWithDepth.includes(process.argv[2] ?? "")) {
    const depth = Math.min(Math.max(depthAsked(process.argv), LEAST_DEPTH), GREATEST_DEPTH);
    process.env["UV_THREADPOOL_SIZE"] ??= String(depth + OTHER_THREADS);
  }
  void import("./cli.mjs" as string);
}
