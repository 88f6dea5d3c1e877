/*
 * What runs first in the single executable file (scripts/single-file.ts), which Bun's engine runs and no Node: the place of
 * peerlane.cts, which asks what Node it is and takes the code that V8 kept.
 */
const { writeSync } = require("node:fs") as typeof import("node:fs");
const { version } = require("../../package.json") as { version: string };

/** Verbs that keep many reads and writes in flight, each of which holds one thread of the pool. */
const VERBS_WITH_DEPTH = ["bench", "copy", "probe"];
/** For the greatest depth that they take, and what goes on beside. A thread is begun when there is work for it. */
const THREADS = "66";

const [, , ...words] = process.argv;

/** This engine reads the size of its pool when it begins, so that the process begins again with it. */
function beginAgain(): void {
  const { execve } = process as unknown as {
    execve(file: string, words: readonly string[], environment: NodeJS.ProcessEnv): void;
  };
  execve(process.execPath, [process.argv0, ...words], { ...process.env, UV_THREADPOOL_SIZE: THREADS });
}

/** Says the version without the program, which takes longer to load than to say it; false where that did not go. */
function saidVersion(): boolean {
  if (words.length !== 1 || !/^(?:-V|--version)$/.test(words[0] ?? "")) return false;
  const line = `${version}\n`;
  try {
    return writeSync(1, line) === line.length;
  } catch {
    return false;
  }
}

if (!saidVersion()) {
  if (VERBS_WITH_DEPTH.includes(words[0] ?? "") && process.env["UV_THREADPOOL_SIZE"] === undefined) beginAgain();
  const { run } = require("../../dist/cli.cjs") as { run(words: readonly string[]): Promise<void> };
  void run(words);
}
