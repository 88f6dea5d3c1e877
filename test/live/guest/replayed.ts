import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterAll, describe } from "vitest";
import { parseScenario } from "../../../src/host/scenario/parse-scenario.ts";
import { bootRecipes } from "../../../src/vm/boot.ts";
import { guestFiles } from "../../../src/vm/guest-files.ts";
import { recipeHash, sampleOf, sampleSeed } from "../../vm/sample.ts";
import { ONE_SWITCH } from "./machines.ts";

/** Files of tests whose guests run only what moves data, so that what else changes does not ask for them again. */
const SUITES = ["bench", "copy", "kills", "probe", "stacks"] as const;

const ROOT = join(import.meta.dirname, "../../..");
/** What runs in these guests, and what makes them. What reads and judges machines has tests and boots of its own. */
const PARTS = ["src/live", "src/measured", "src/memory", "src/vm", "test/live/guest", "test/live/kills"];
const SINGLE_FILES = [
  ...["bench", "copy", "p2pmem", "probe", "vm"].map((verb) => `src/cli/verbs/${verb}.ts`),
  "test/vm/in-guest.ts",
  // How the program is put together and started: a guest runs what was built.
  ...["tsdown.config.ts", "scripts/program-bundle.ts", "scripts/build-code-cache.ts", "scripts/record-code-cache.cjs"],
  "src/cli/peerlane.cts",
];

function sourcesIn(folder: string): string[] {
  const entries = readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && /\.(?:ts|c)$/.test(entry.name));
  return files.map(({ parentPath, name }) => relative(ROOT, join(parentPath, name))).sort();
}

/**
 * SHA-256 of all that decides what these guests do: kernel, busybox and QEMU, this Node, the library of foreign functions,
 * and the sources of what runs there.
 */
async function recipe(): Promise<string> {
  const machine = (await bootRecipes(await guestFiles()))(parseScenario(ONE_SWITCH, "machine of a test"));
  const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as {
    packages: Record<string, { version?: string }>;
  };
  const koffi = lock.packages["node_modules/koffi"]?.version ?? "none";
  const sources = [...PARTS.flatMap(sourcesIn), ...SINGLE_FILES].map((path) => [
    path,
    readFileSync(join(ROOT, path), "utf8"),
  ]);
  return recipeHash(JSON.stringify([machine, process.version, koffi, sources]));
}

const recorded = join(import.meta.dirname, "recorded");
const now = await recipe();

function isRecorded(suite: string): boolean {
  try {
    const { recipe } = JSON.parse(readFileSync(join(recorded, `${suite}.json`), "utf8")) as { recipe?: unknown };
    return recipe === now;
  } catch {
    return false;
  }
}

/**
 * `describe` for a suite of guests: skipped where a recording says that all of its tests passed with equal sources, kernel,
 * QEMU and Node, unless the commit draws it as the one that runs all the same, or all boots were asked for
 * (`PEERLANE_BOOTS=all`). `PEERLANE_RECORD=1` runs all, and writes the recording of a suite that passed.
 */
export function describeGuests(suite: (typeof SUITES)[number]): ReturnType<typeof describe.skipIf> {
  const isRecording = process.env["PEERLANE_RECORD"] === "1";
  const same = SUITES.filter(isRecorded);
  const drawn = sampleOf(same, () => ["any"], sampleSeed);
  const isReplayed =
    !isRecording && process.env["PEERLANE_BOOTS"] !== "all" && same.includes(suite) && !drawn.includes(suite);
  if (isReplayed) {
    process.stdout.write(
      `skipped: the guests of ${suite}, which passed with equal sources, kernel, QEMU and Node (PEERLANE_BOOTS=all runs them; drawn with seed ${sampleSeed}: ${drawn.join()})\n`,
    );
  }
  if (isRecording) {
    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from the parameter's text which fixtures it is to make
    afterAll(({}, { tasks }) => {
      const states = tasks.flatMap(function stateOf(task): unknown[] {
        return task.type === "suite" ? task.tasks.flatMap(stateOf) : [task.result?.state];
      });
      if (states.length === 0 || states.some((state) => state !== "pass")) return;
      mkdirSync(recorded, { recursive: true });
      writeFileSync(
        join(recorded, `${suite}.json`),
        `${JSON.stringify({ recipe: now, tests: states.length }, null, 1)}\n`,
      );
    });
  }
  return describe.skipIf(isReplayed);
}
