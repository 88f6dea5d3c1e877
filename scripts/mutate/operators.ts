import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { Stryker } from "@stryker-mutator/core";
import { isNoticed, type Lines, type Mutant } from "./mutant.ts";
import { type Replacement, tryReplacements } from "./replacements.ts";

type MutantResult = Awaited<ReturnType<Stryker["runMutationTest"]>>[number];

const ENDS: Readonly<Record<string, Mutant["end"]>> = {
  Killed: "killed",
  Timeout: "timeout",
  Survived: "survived",
  NoCoverage: "no coverage",
};

/**
 * Changes conditions, operators, calls, texts and blocks of the given lines (all of a file where none are named), each
 * on its own, and runs the tests of `MUTATE_TESTS` that come by; what none of these notices meets all of them again.
 * Works on a copy of the project.
 */
export async function mutateOperators(where: readonly Lines[], temporary: string): Promise<Mutant[]> {
  const stryker = new Stryker({
    testRunner: "vitest",
    plugins: ["@stryker-mutator/vitest-runner"],
    vitest: { configFile: "scripts/mutate/vitest.config.ts", related: false },
    mutate: where.flatMap(({ file, lines }) =>
      lines.length === 0 ? [file] : lines.map((line) => `${file}:${line}-${line}`),
    ),
    coverageAnalysis: "perTest",
    concurrency: Number(process.env["MUTATE_WORKERS"] ?? 1),
    ignorePatterns: ["/dist", "/bench"],
    tempDirName: temporary,
    reporters: ["progress-append-only"],
    dryRunTimeoutMinutes: 20,
    timeoutMS: 20_000,
  });
  const mutants = (await stryker.runMutationTest()).map(asMutant);
  // Stryker does not see that a file of tests could not even be loaded, as with a table that a change makes throw.
  const unnoticed = mutants.filter((mutant) => mutant.end !== "invalid" && !isNoticed(mutant));
  return [...mutants.filter((mutant) => !unnoticed.includes(mutant)), ...(await tryReplacements(unnoticed))];
}

function asMutant({
  fileName,
  location,
  mutatorName,
  replacement,
  status,
}: MutantResult): Replacement & Pick<Mutant, "end"> {
  const text = readFileSync(fileName, "utf8");
  const start = offsetOf(text, location.start);
  return {
    file: relative(".", fileName),
    line: location.start.line,
    kind: mutatorName,
    start,
    was: text.slice(start, offsetOf(text, location.end)),
    became: replacement ?? "",
    end: ENDS[status] ?? "invalid",
  };
}

/** Where a place of a text is; lines and columns are counted from 1. */
function offsetOf(text: string, { line, column }: MutantResult["location"]["start"]): number {
  const before = text.split("\n").slice(0, line - 1);
  return before.reduce((sum, one) => sum + one.length + 1, 0) + column - 1;
}
