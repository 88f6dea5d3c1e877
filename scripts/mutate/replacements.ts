import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createVitest, type TestSpecification, type Vitest } from "vitest/node";
import type { Mutant } from "./mutant.ts";

/** A piece of a file that is to read otherwise, from `start` on (an offset in the text). */
export interface Replacement extends Pick<Mutant, "file" | "line" | "kind" | "was" | "became"> {
  readonly start: number;
}

/**
 * Makes each of the replacements on its own, in memory, and runs the tests of `MUTATE_TESTS`. The test that mirrors the
 * file comes first, alone.
 */
export async function tryReplacements(replacements: readonly Replacement[]): Promise<Mutant[]> {
  let mutated: { readonly file: string; readonly text: string } | undefined;
  const vitest = await createVitest(
    "test",
    {
      config: "scripts/mutate/vitest.config.ts",
      watch: false,
      bail: 1,
      maxWorkers: Number(process.env["MUTATE_WORKERS"] ?? 1),
      reporters: [{}],
    },
    {
      plugins: [
        {
          name: "mutant",
          enforce: "pre",
          transform: (_code: string, id: string): string | undefined =>
            id === mutated?.file ? mutated.text : undefined,
        },
      ],
    },
  );
  const specifications = await vitest.globTestSpecifications();
  const found: Mutant[] = [];
  for (const { start, ...change } of replacements) {
    const path = resolve(change.file);
    const text = readFileSync(path, "utf8");
    if (mutated !== undefined && mutated.file !== path) vitest.invalidateFile(mutated.file);
    mutated = { file: path, text: text.slice(0, start) + change.became + text.slice(start + change.was.length) };
    const isKilled = await fails(vitest, path, specifications);
    found.push({ ...change, end: isKilled ? "killed" : "survived" });
    if (!isKilled || found.length % 20 === 0) {
      const survived = found.filter(({ end }) => end === "survived").length;
      process.stdout.write(`${change.file}:${change.line}: ${found.length} changed, ${survived} unnoticed\n`);
    }
  }
  await vitest.close();
  return found;
}

async function fails(vitest: Vitest, changed: string, all: readonly TestSpecification[]): Promise<boolean> {
  const mirror = resolve(`test/${changed.slice(resolve("src").length + 1).replace(/\.ts$/, ".test.ts")}`);
  const own = all.filter(({ moduleId }) => moduleId === mirror);
  for (const some of existsSync(mirror) ? [own, all.filter((one) => !own.includes(one))] : [all]) {
    if (some.length === 0) continue;
    vitest.invalidateFile(changed);
    const { testModules, unhandledErrors } = await vitest.runTestSpecifications([...some], false);
    // Vitest hands out the modules of earlier runs as well: those that a change before this one failed.
    const ran = new Set(some.map(({ moduleId }) => moduleId));
    const failed = testModules.filter((module) => ran.has(module.moduleId) && !module.ok());
    if (unhandledErrors.length > 0 || failed.length > 0) return true;
  }
  return false;
}
