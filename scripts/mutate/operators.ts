import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { Stryker } from "@stryker-mutator/core";
import type { Lines, Mutant } from "./mutant.ts";

type MutantResult = Awaited<ReturnType<Stryker["runMutationTest"]>>[number];

const ENDS: Readonly<Record<string, Mutant["end"]>> = {
  Killed: "killed",
  Timeout: "timeout",
  Survived: "survived",
  NoCoverage: "no coverage",
};

/**
 * Changes conditions, operators, calls, texts and blocks of the given lines (all of a file where none are named), each
 * on its own, and runs the tests of `MUTATE_TESTS` that come by. Works on a copy of the project.
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
  return (await stryker.runMutationTest()).map(asMutant);
}

function asMutant({ fileName, location, mutatorName, replacement, status }: MutantResult): Mutant {
  // Lines and columns are counted from 1, the end is exclusive.
  const { start, end } = location;
  const lines = readFileSync(fileName, "utf8")
    .split("\n")
    .slice(start.line - 1, end.line);
  lines.push((lines.pop() ?? "").slice(0, end.column - 1));
  const was = lines.join("\n").slice(start.column - 1);
  return {
    file: relative(".", fileName),
    line: start.line,
    kind: mutatorName,
    was,
    became: replacement ?? "",
    end: ENDS[status] ?? "invalid",
  };
}
