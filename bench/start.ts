import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeStartTree, START_FUNCTIONS } from "./start-tree.ts";
import { formatSummary, ratios, summarize } from "./statistics.ts";
import { goal, type Report } from "./table.ts";

const CLI = fileURLToPath(new URL("../dist/peerlane.cjs", import.meta.url));
const ROUNDS = 31;
const WARM_UPS = 3;
const LSPCI_GOAL = 2.5;
const LSTOPO_GOAL = 1;

/** A program with its arguments, what it needs in the environment, and what it must have printed. */
interface Contestant {
  readonly name: string;
  readonly command: readonly [program: string, ...args: string[]];
  readonly environment: Readonly<Record<string, string>>;
  /** True for output that shows that the program read the tree. */
  isRight(output: string): boolean;
}

/** Whole processes, from start to end, on one tree; the programs take turns. */
export async function benchStart(): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "peerlane-bench-"));
  try {
    const tree = join(folder, "tree");
    mkdirSync(tree);
    makeStartTree(tree);
    const programs = contestants(tree);
    for (let round = 0; round < WARM_UPS; round++) for (const program of programs) run(program);
    const times = programs.map((): number[] => []);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, program] of programs.entries()) times[index]?.push(run(program));
    }
    return report(programs, times);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function contestants(tree: string): readonly Contestant[] {
  const devices = join(tree, "sys/bus/pci");
  return [
    {
      name: "peerlane matrix --root",
      command: [process.execPath, CLI, "matrix", "--root", tree],
      environment: {},
      isRight: (output) => output.includes("0003:"),
    },
    {
      name: "lspci -vvv",
      command: ["lspci", "-A", "linux-sysfs", "-O", `sysfs.path=${devices}`, "-vvv"],
      environment: {},
      isRight: (output) => output.match(/^[0-9a-f]{4}:/gm)?.length === START_FUNCTIONS,
    },
    {
      name: "lstopo --whole-io",
      command: ["lstopo", "--of", "console", "--whole-io"],
      environment: { HWLOC_FSROOT: tree, HWLOC_THISSYSTEM: "0" },
      isRight: (output) => output.includes("PCI 0003:"),
    },
    { name: "node -e 0", command: [process.execPath, "-e", "0"], environment: {}, isRight: () => true },
  ];
}

/** Milliseconds from start to end; throws where a program did not do its work. */
function run({ name, command, environment, isRight }: Contestant): number {
  const [program, ...args] = command;
  const env = { ...process.env, ...environment };
  const start = performance.now();
  const { status, stdout, stderr, error } = spawnSync(program, args, { env, encoding: "utf8" });
  const milliseconds = performance.now() - start;
  if (error !== undefined || status !== 0 || !isRight(stdout)) {
    throw new Error(`${name} failed (exit code ${status}): ${error?.message ?? stderr}\n${stdout.slice(0, 500)}`);
  }
  return milliseconds;
}

function report(programs: readonly Contestant[], times: readonly (readonly number[])[]): Report {
  const [ours = [], lspci = [], lstopo = [], node = []] = times;
  const toLspci = ratios(ours, lspci);
  const toLstopo = ratios(ours, lstopo);
  return {
    title: "Start to matrix",
    about:
      `Milliseconds of whole processes on one tree of ${START_FUNCTIONS} PCIe functions with 4,096 bytes of config ` +
      `space each (recordings of a real kernel, in four domains), median (least–most) of ${ROUNDS} runs in which the ` +
      "programs take turns. All read the tree from files in the page cache. Ratios are of the same round: our time " +
      "divided by theirs. `node -e 0` is what starting Node costs alone.",
    header: ["program", "ms", "peerlane takes"],
    rows: programs.map(({ name }, index) => [
      name,
      formatSummary(summarize(times[index] ?? []), 1),
      index === 0 ? "" : `${formatSummary(ratios(ours, times[index] ?? []), 2)} times this`,
    ]),
    goals: [
      goal(
        `under ${LSPCI_GOAL} times lspci`,
        toLspci.median < LSPCI_GOAL,
        `${toLspci.median.toFixed(2)} times; starting Node alone is ${ratios(node, lspci).median.toFixed(2)} times`,
      ),
      goal("under lstopo", toLstopo.median < LSTOPO_GOAL, `${toLstopo.median.toFixed(2)} times`),
    ],
  };
}
