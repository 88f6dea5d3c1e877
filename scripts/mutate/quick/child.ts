import vm from "node:vm";
import type { Mutant } from "../mutant.ts";
import type { QuickReport, QuickTask } from "../quick.ts";
import { bundle } from "./bundle.ts";
import { type Change, type Switched, switchNumbers, switchOperators } from "./changes.ts";
import { collect, limitTests, runSuite, WORDS } from "./suite.ts";

/**
 * The globals that the switches look at: which change is on, a counter of what runs by them, and how often the change may
 * be met before it counts as endless.
 */
interface Switches {
  __on: number;
  __cover: ((...numbers: number[]) => void) | undefined;
  __hits: number;
  __most: number;
  __vitest: object;
}
const switches = globalThis as unknown as Switches;
vm.runInThisContext(`
  var __on = -1, __cover, __hits = 0, __most = Infinity;
  function __hit() { if (++__hits > __most) throw new Error("it does not end"); return true; }
`);
switches.__vitest = WORDS;

/** A file of tests as a script, and what runs by which change: numbers of its tests, or all where it is met on loading. */
interface TestFile {
  readonly path: string;
  readonly evaluate: () => void;
  readonly loadMs: number;
  readonly ms: ReadonlyMap<number, number>;
  readonly atLoad: ReadonlySet<number>;
  readonly byChange: ReadonlyMap<number, ReadonlySet<number>>;
  readonly hits: ReadonlyMap<number, number>;
}

let stray: unknown;
for (const event of ["unhandledRejection", "uncaughtException"]) {
  process.on(event, (error: unknown) => {
    stray = error;
  });
}

process.once("message", (task: QuickTask) => {
  run(task).then(
    () => process.exit(0),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});

async function run({ where, tests, kinds, done, testMs }: QuickTask): Promise<void> {
  limitTests(testMs);
  let position = 0;
  for (const kind of kinds) {
    const switched = kind === "numbers" ? switchNumbers(where) : await switchOperators(where);
    const left = switched.changes.slice(Math.max(done - position, 0));
    position += switched.changes.length;
    if (left.length === 0) continue;
    const files: TestFile[] = [];
    for (const path of tests) files.push(await watchFile(path, switched));
    const latest = { path: "" };
    for (const change of left) {
      await say({ begun: change });
      await say({ ended: await endOf(change, files, latest) });
    }
  }
}

function say(report: QuickReport): Promise<void> {
  return new Promise((resolve) => process.send?.(report, undefined, undefined, () => resolve()));
}

/** Runs a file of tests as it is, for which changes each of them meets. Tests that fail here (snapshots)
 * are left to Vitest. */
async function watchFile(path: string, { texts }: Switched): Promise<TestFile> {
  const evaluate = await bundle(path, texts);
  const atLoad = new Set<number>();
  const byChange = new Map<number, Set<number>>();
  const hits = new Map<number, number>();
  const ms = new Map<number, number>();
  const failed: string[] = [];
  const cover = (running: number | undefined) => (): void => {
    switches.__cover = (...numbers): void => {
      for (const number of numbers) {
        hits.set(number, (hits.get(number) ?? 0) + 1);
        if (running === undefined) atLoad.add(number);
        else {
          const met = byChange.get(number);
          if (met === undefined) byChange.set(number, new Set([running]));
          else met.add(running);
        }
      }
    };
  };
  cover(undefined)();
  const start = performance.now();
  const suite = collect(evaluate);
  const loadMs = performance.now() - start;
  await runSuite(suite, {
    wants: () => true,
    runs: (running) => cover(running)(),
    ended: ({ number }, took, error) => {
      if (error === undefined) ms.set(number, took);
      else failed.push(`test ${number}: ${String(error).slice(0, 200)}`);
    },
  });
  if (failed.length > 0) await say({ leftOut: path, why: failed });
  switches.__cover = undefined;
  return { path, evaluate, loadMs, ms, atLoad, byChange, hits };
}

/** What the tests that meet a change make of it: the quickest file first, and the one that noticed the last change. */
async function endOf(change: Change, files: readonly TestFile[], latest: { path: string }): Promise<Mutant["end"]> {
  const { number } = change;
  const mirror = change.file.replace(/^src/, "test").replace(/\.ts$/, ".test.ts");
  const plans = files.flatMap((file) => {
    const met = file.atLoad.has(number) ? file.ms.keys() : (file.byChange.get(number) ?? []);
    const tests = new Set([...met].filter((test) => file.ms.has(test)));
    const ms = [...tests].reduce((sum, test) => sum + (file.ms.get(test) ?? 0), file.loadMs);
    const isLikely = file.path === latest.path || file.path === mirror;
    return tests.size === 0 ? [] : [{ file, tests, ms: isLikely ? ms / 10 : ms }];
  });
  if (plans.length === 0) return "no coverage";
  const hits = files.reduce((sum, file) => sum + (file.hits.get(number) ?? 0), 0);
  for (const { file, tests } of plans.toSorted((a, b) => a.ms - b.ms)) {
    Object.assign(switches, { __on: number, __hits: 0, __most: Math.min(hits * 100, Math.max(hits * 3, 20_000_000)) });
    const isNoticed = await fails(file, tests);
    switches.__on = -1;
    if (switches.__hits > switches.__most) return "timeout";
    if (isNoticed) {
      latest.path = file.path;
      return "killed";
    }
  }
  return "survived";
}

async function fails({ evaluate }: TestFile, tests: ReadonlySet<number>): Promise<boolean> {
  stray = undefined;
  try {
    const suite = collect(evaluate);
    if (await runSuite(suite, { wants: (number) => tests.has(number) })) return true;
    await new Promise((resolve) => setImmediate(resolve));
    return stray !== undefined;
  } catch {
    return true;
  }
}
