import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { makeProgram } from "../../src/cli/program.ts";
import { DEFAULT_VERB } from "../../src/cli/verb.ts";
import { VERBS } from "../../src/cli/verbs.ts";

const noFinish = (): void => {};

/** The verbs of a program that were loaded: those that take something or have a help of their own. */
async function loadedOf(words?: readonly string[]): Promise<readonly string[]> {
  const program = await makeProgram("0", noFinish, words);
  return program.commands
    .filter(({ options, registeredArguments }) => options.length + registeredArguments.length > 0)
    .map((command) => command.name());
}

describe("verbs", () => {
  test("each has a file of its own, and each file is a verb", () => {
    const files = readdirSync(join(import.meta.dirname, "../../src/cli/verbs")).map((name) => name.replace(".ts", ""));
    expect(VERBS.map(({ name }) => name).sort()).toEqual(files.sort());
  });

  test("the help has each once, in 41 lines of 80 columns", async () => {
    const lines = (await makeProgram("0", noFinish, ["--help"])).helpInformation().trimEnd().split("\n");
    const named = lines.flatMap((line) => /^ {2}([a-z0-9]+) {2,}/.exec(line)?.[1] ?? []);
    expect(named).toEqual(VERBS.map(({ name }) => name));
    expect(lines.length).toBeLessThanOrEqual(41);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  });

  test("all are loaded where nobody says which is meant, and for the words of completion", async () => {
    const all = VERBS.map(({ name }) => name);
    expect(await loadedOf()).toEqual(all);
    expect(await loadedOf(["completion", "bash"])).toEqual(all);
  });

  test.each<{ words: readonly string[]; loaded: readonly string[] }>([
    { words: [], loaded: [DEFAULT_VERB] },
    { words: ["dump.txt"], loaded: [DEFAULT_VERB] },
    { words: ["--json"], loaded: [DEFAULT_VERB] },
    { words: ["tree", "dump.txt"], loaded: ["tree"] },
    { words: ["tree", "matrix"], loaded: [DEFAULT_VERB, "tree"] },
    { words: ["dump.txt", "tree"], loaded: [DEFAULT_VERB, "tree"] },
    { words: ["help", "copy"], loaded: ["copy"] },
    { words: ["copy", "--help"], loaded: ["copy"] },
    { words: ["--help"], loaded: [] },
    { words: ["--version"], loaded: [] },
  ])("$words loads $loaded", async ({ words, loaded }) => {
    expect(await loadedOf(words)).toEqual(loaded);
  });
});
