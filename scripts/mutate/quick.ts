import { type ChildProcess, fork } from "node:child_process";
import { isNoticed, type Lines, type Mutant } from "./mutant.ts";
import type { Change } from "./quick/changes.ts";
import { type Replacement, tryReplacements } from "./replacements.ts";

/** What the process that runs the tests is to try. */
export interface QuickTask {
  readonly where: readonly Lines[];
  readonly tests: readonly string[];
  readonly kinds: readonly ("operators" | "numbers")[];
  /** How many changes, in their order, are behind it already. */
  readonly done: number;
  /** How long one test may take, in ms, before it counts as one that does not end. */
  readonly testMs: number;
}

/** What that process says: which file has tests that it cannot run, which change it begins, what came of that. */
export type QuickReport =
  | { readonly leftOut: string; readonly why: readonly string[] }
  | { readonly begun: Change }
  | { readonly ended: Mutant["end"] };

/** What is known of a run so far. */
interface Progress {
  readonly found: (Replacement & Pick<Mutant, "end">)[];
  readonly leftOut: Set<string>;
}

/**
 * The same changes as StrykerJS makes, and of numbers, tried without Vitest: in one process that holds each file of tests
 * and all that it imports as one script, and evaluates that anew for each change. Some fifty times as quick. A change at
 * which the process hangs or ends is noticed, and another process goes on behind it. Files of tests that need Vitest for
 * some of theirs (snapshots) meet there what nothing else noticed.
 */
export async function tryQuickly(task: Omit<QuickTask, "done">): Promise<Mutant[]> {
  const progress: Progress = { found: [], leftOut: new Set() };
  const { found, leftOut } = progress;
  let isComplete = false;
  while (!isComplete) {
    const before = found.length;
    isComplete = await runChild({ ...task, done: before }, progress);
    if (!isComplete && found.length === before) throw new Error("no test could be run: see above");
  }
  if (leftOut.size === 0) return found;
  process.env["MUTATE_TESTS"] = [...leftOut].join(" ");
  const unnoticed = found.filter((mutant) => !isNoticed(mutant));
  const again = await tryReplacements(unnoticed);
  return [
    ...found.filter(isNoticed),
    ...again.map((one, index) => (isNoticed(one) ? one : (unnoticed[index] as Mutant))),
  ];
}

/** Adds what came of the changes; false where the process ended before the last one. */
function runChild(task: QuickTask, { found, leftOut }: Progress): Promise<boolean> {
  const child: ChildProcess = fork(new URL("quick/child.ts", import.meta.url), [], {
    execArgv: ["--import", "tsx", "--no-flush-bytecode"],
  });
  child.send(task);
  return new Promise((resolve) => {
    let begun: Change | undefined;
    let timer: NodeJS.Timeout | undefined;
    child.on("message", (report: QuickReport) => {
      clearTimeout(timer);
      if ("leftOut" in report) {
        if (!leftOut.has(report.leftOut)) process.stdout.write(`${report.leftOut}: ${report.why.join("; ")}\n`);
        leftOut.add(report.leftOut);
      } else if ("begun" in report) {
        ({ begun } = report);
        // A process that says nothing for this long hangs outside of its tests' own limits, in a loop.
        timer = setTimeout(() => child.kill("SIGKILL"), 2 * task.testMs);
      } else if (begun !== undefined) {
        found.push(ended(begun, report.ended));
        if (found.length % 100 === 0) process.stdout.write(`${begun.file}: ${found.length} changed\n`);
        begun = undefined;
      }
    });
    child.on("exit", (status) => {
      clearTimeout(timer);
      if (begun !== undefined) found.push(ended(begun, "timeout"));
      resolve(begun === undefined && status === 0);
    });
  });
}

function ended({ number: _, ...change }: Change, end: Mutant["end"]): Progress["found"][number] {
  return { ...change, end };
}
