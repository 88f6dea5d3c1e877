#!/usr/bin/env node
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

if (verbsWithDepth.includes(process.argv[2] ?? "")) {
  const depth = Math.min(Math.max(depthAsked(process.argv), LEAST_DEPTH), GREATEST_DEPTH);
  process.env["UV_THREADPOOL_SIZE"] ??= String(depth + OTHER_THREADS);
}

void import("./cli.mjs" as string);
