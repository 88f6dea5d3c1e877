/**
 * Changes the sources in small ways, one at a time, and counts the changes that no test notices.
 *
 *     npm run mutate                          every area, hours on two cores
 *     npm run mutate -- rules gates           areas
 *     npm run mutate -- src/pci/decode.ts     single files
 *     npm run mutate -- --sample 40           about as many lines of one area; both by the seed, which is the commit (no
 *                                             area whose tests take long or that was not measured, unless it is named)
 *
 *     npm run mutate -- --named               faults that once survived every test
 *     npm run mutate -- --quick rules         the same changes without Vitest: minutes in place of hours
 *
 * `--seed TEXT` draws another sample, `--numbers` or `--operators` makes only that kind of change. Exit status 1: fewer
 * are noticed than an area's goal (of a sample: fewer than chance explains).
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { AREAS, type Area } from "./mutate/areas.ts";
import { isNoticed, type Lines, type Mutant } from "./mutate/mutant.ts";
import { tryNamed } from "./mutate/named.ts";
import { mutateNumbers } from "./mutate/numbers.ts";
import { mutateOperators } from "./mutate/operators.ts";
import { tryQuickly } from "./mutate/quick.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: "string" },
    seed: { type: "string" },
    numbers: { type: "boolean", default: false },
    operators: { type: "boolean", default: false },
    named: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
  },
});

/** Numbers from 0 to 1 that follow from the seed alone. */
function* draws(seed: string): Generator<number, never> {
  for (let count = 0; ; count++) {
    yield createHash("sha256").update(`${seed} ${count}`).digest().readUInt32LE(0) / 2 ** 32;
  }
}

/** Lines that hold more than a bracket or a comment. */
function codeLines(file: string): number[] {
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.flatMap((line, index) =>
    /^\s*(?:\/\/|\/?\*|import|export \{|[)\]}>;,]*$)/.test(line) ? [] : [index + 1],
  );
}

function drawLines(files: readonly string[], count: number, random: Iterator<number, never>): Lines[] {
  const all = files.flatMap((file) => codeLines(file).map((line) => ({ file, line })));
  const chosen = Array.from({ length: Math.min(count, all.length) }, () =>
    all.splice(Math.floor(random.next().value * all.length), 1),
  ).flat();
  return files.flatMap((file) => {
    const lines = chosen.filter((one) => one.file === file).map(({ line }) => line);
    return lines.length === 0 ? [] : [{ file, lines }];
  });
}

async function run(area: Area, where: readonly Lines[]): Promise<Mutant[]> {
  process.env["MUTATE_TESTS"] = area.tests.join(" ");
  const both = values.numbers === values.operators;
  const kinds = [
    ...(both || values.operators ? (["operators"] as const) : []),
    ...(both || values.numbers ? (["numbers"] as const) : []),
  ];
  if (values.quick)
    return tryQuickly({ where, tests: area.tests, kinds, testMs: area.isLong === true ? 1_800_000 : 60_000 });
  const temporary = join(tmpdir(), `peerlane-mutate-${process.pid}`);
  return [
    ...(kinds.includes("operators") ? await mutateOperators(where, temporary) : []),
    ...(kinds.includes("numbers") ? await mutateNumbers(where) : []),
  ];
}

/** A Markdown table of an area's files, then what survived. */
function print(area: Area, mutants: readonly Mutant[]): void {
  const lines = [`| ${area.name} | killed | timeout | survived | not run | score |`, "|---|---|---|---|---|---|"];
  const row = (name: string, some: readonly Mutant[]): void => {
    const count = (end: Mutant["end"]): number => some.filter((mutant) => mutant.end === end).length;
    const cells = [count("killed"), count("timeout"), count("survived"), count("no coverage"), `${score(some)} %`];
    lines.push(`| ${name} | ${cells.join(" | ")} |`);
  };
  for (const file of new Set(mutants.map((mutant) => mutant.file))) {
    row(
      file,
      mutants.filter((mutant) => mutant.file === file),
    );
  }
  row("all", mutants);
  for (const { file, line, kind, was, became, end } of mutants.filter((one) => isValid(one) && !isNoticed(one))) {
    const short = (text: string): string => text.replaceAll(/\s+/g, " ").slice(0, 100);
    lines.push(`${file}:${line} ${kind}${end === "survived" ? "" : ` (${end})`}: ${short(was)} → ${short(became)}`);
  }
  process.stdout.write(`\n${lines.join("\n")}\n`);
}

function isValid({ end }: Mutant): boolean {
  return end !== "invalid";
}

function place({ file, line }: Mutant): string {
  return `${file}:${line}`;
}

function score(mutants: readonly Mutant[]): string {
  const valid = mutants.filter(isValid);
  return ((100 * valid.filter(isNoticed).length) / Math.max(valid.length, 1)).toFixed(1);
}

/**
 * What share of an area's changes is noticed, and of a sample the mean over its lines: what no test notices on a line, it
 * mostly notices in none of its changes, so that one line of many changes counts once.
 */
function shareNoticed(mutants: readonly Mutant[]): number {
  if (values.sample === undefined) return Number(score(mutants));
  const valid = mutants.filter(isValid);
  const lines = [...new Set(valid.map(place))];
  const scores = lines.map((line) => Number(score(valid.filter((mutant) => place(mutant) === line))));
  return scores.reduce((sum, one) => sum + one, 0) / Math.max(lines.length, 1);
}

/** The share below which an area fails: its goal, or for a sample what three standard deviations leave of it. */
function leastShare({ goal }: Area, mutants: readonly Mutant[]): number {
  if (values.sample === undefined) return goal;
  const lines = new Set(mutants.filter(isValid).map(place)).size;
  return goal - 3 * Math.sqrt((goal * (100 - goal)) / Math.max(lines, 1));
}

/** Faults that once survived every test, each put in; whether all were noticed. */
async function named(): Promise<boolean> {
  const tried = await tryNamed();
  const rows = tried.map(({ fault, mutant }) => `| ${fault} | ${mutant.file}:${mutant.line} | ${mutant.end} |`);
  process.stdout.write(`\n| fault | in | end |\n|---|---|---|\n${rows.join("\n")}\n`);
  return tried.every(({ mutant }) => isNoticed(mutant));
}

/** Whether as many were noticed as are to be. */
async function main(): Promise<boolean> {
  let isEnough = true;
  if (values.named) isEnough = await named();
  if (values.named && values.sample === undefined && positionals.length === 0) return isEnough;
  const seed = values.seed ?? execFileSync("git", ["rev-parse", "HEAD"], { encoding: "utf8" }).trim();
  const random = draws(seed);
  const isFile = (name: string): boolean => name.endsWith(".ts");
  const unknown = positionals.filter((name) => !isFile(name) && !AREAS.some((area) => area.name === name));
  if (unknown.length > 0) {
    throw new Error(`no area ${unknown.join(", ")}: there are ${AREAS.map(({ name }) => name).join(", ")}`);
  }
  let areas = AREAS;
  if (positionals.length === 0 && values.sample !== undefined) {
    const short = AREAS.filter(({ isLong, isUnmeasured }) => isLong !== true && isUnmeasured !== true);
    areas = [short[Math.floor(random.next().value * short.length)] as Area];
    process.stdout.write(`a sample of ${values.sample} lines of '${areas[0]?.name}' by the seed ${seed}\n`);
  }
  for (const area of areas) {
    const named = area.sources.filter(
      (file) => positionals.length === 0 || positionals.includes(area.name) || positionals.includes(file),
    );
    if (named.length === 0) continue;
    const where =
      values.sample === undefined
        ? named.map((file) => ({ file, lines: [] }))
        : drawLines(named, Number(values.sample), random);
    const mutants = await run(area, where);
    print(area, mutants);
    if (shareNoticed(mutants) < leastShare(area, mutants)) isEnough = false;
  }
  return isEnough;
}

// Vitest leaves the status of its last run, in which a test failed as it was to.
process.exitCode = (await main()) ? 0 : 1;
