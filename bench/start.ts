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
const OWN_GOAL = 40;
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
    return report(programs, times, processorTimes(programs));
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

/** Runs commands in turns and prints, of each, the milliseconds that its processors worked: user and system, all threads. */
const PYTHON = `
import json, os, sys
commands, rounds = json.loads(sys.argv[1]), int(sys.argv[2])
def spent(command, environment):
    child = os.fork()
    if child == 0:
        nowhere = os.open("/dev/null", os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        os.execvpe(command[0], command, {**os.environ, **environment})
    usage = os.wait4(child, 0)[2]
    return (usage.ru_utime + usage.ru_stime) * 1000
print(json.dumps([[spent(*each) for each in commands] for _ in range(rounds)]))
`;

/** Milliseconds of processor time of each program, run by run. What other work there is on the machine disturbs it least. */
function processorTimes(programs: readonly Contestant[]): readonly (readonly number[])[] {
  const commands = JSON.stringify(programs.map(({ command, environment }) => [command, environment]));
  const { status, stdout, stderr } = spawnSync("python3", ["-c", PYTHON, commands, String(ROUNDS)], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`python3 failed: ${stderr}`);
  const rounds = JSON.parse(stdout) as readonly (readonly number[])[];
  return programs.map((_, index) => rounds.map((round) => round[index] ?? Number.NaN));
}

function report(
  programs: readonly Contestant[],
  times: readonly (readonly number[])[],
  processor: readonly (readonly number[])[],
): Report {
  const [ours = [], lspci = [], lstopo = [], node = []] = times;
  const own = Math.min(...(processor[0] ?? [])) - Math.min(...(processor.at(-1) ?? []));
  const toLspci = ratios(ours, lspci);
  const toLstopo = ratios(ours, lstopo);
  return {
    title: "Start to matrix",
    about:
      `Milliseconds of whole processes on one tree of ${START_FUNCTIONS} PCIe functions with 4,096 bytes of config ` +
      `space each (recordings of a real kernel, in four domains), median (least–most) of ${ROUNDS} runs in which the ` +
      "programs take turns. All read the tree from files in the page cache. Ratios are of the same round: our time " +
      "divided by theirs. `node -e 0` is what starting Node costs alone. CPU is user and system time of all threads, garbage collection and V8's compiler among them.",
    header: ["program", "ms", "peerlane takes", "ms of CPU"],
    rows: programs.map(({ name }, index) => [
      name,
      formatSummary(summarize(times[index] ?? []), 1),
      index === 0 ? "" : `${formatSummary(ratios(ours, times[index] ?? []), 2)} times this`,
      formatSummary(summarize(processor[index] ?? []), 1),
    ]),
    goals: [
      goal(
        `under ${LSPCI_GOAL} times lspci`,
        toLspci.median < LSPCI_GOAL,
        `${toLspci.median.toFixed(2)} times; starting Node alone is ${ratios(node, lspci).median.toFixed(2)} times`,
      ),
      goal(
        `at most ${OWN_GOAL} ms of CPU of its own, which is without that of node -e 0`,
        own <= OWN_GOAL,
        `${own.toFixed(1)} ms by the least of each`,
      ),
      goal("under lstopo", toLstopo.median < LSTOPO_GOAL, `${toLstopo.median.toFixed(2)} times`),
    ],
  };
}
