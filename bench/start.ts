import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type FoundNode, nodeOf, SUPPORTED } from "../scripts/nodes.ts";
import { buildSingleFile, type Processor } from "../scripts/single-file.ts";
import { makeStartTree, START_FUNCTIONS } from "./start-tree.ts";
import { formatSummary, ratios, type Summary, summarize } from "./statistics.ts";
import { goal, type Report } from "./table.ts";

const CLI = fileURLToPath(new URL("../dist/peerlane.cjs", import.meta.url));
const ROUNDS = 31;
const WARM_UPS = 3;
const LSPCI_GOAL = 2.5;
const VERSION_GOAL = 1.5;
const OWN_GOAL = 40;
const LSTOPO_GOAL = 1;

/** A program with its arguments, what it needs in the environment, and what it must have printed. */
interface Contestant {
  readonly name: string;
  readonly command: readonly [program: string, ...args: string[]];
  readonly environment?: Readonly<Record<string, string>>;
  /** The exit code of a run that did its work; 0 where it is left out. */
  readonly exitCode?: number;
  /** True for output that shows that the program read the tree. */
  isRight(output: string): boolean;
}

/** What the programs took, by their names. */
interface Contest {
  /** Milliseconds of whole processes, run by run. */
  readonly wall: ReadonlyMap<string, readonly number[]>;
  /** Milliseconds of processor time, run by run. */
  readonly processor: ReadonlyMap<string, readonly number[]>;
}

/** Whole processes, from start to end, on one tree; the programs take turns. */
export async function benchStart(): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "peerlane-bench-"));
  try {
    const tree = join(folder, "tree");
    mkdirSync(tree);
    makeStartTree(tree);
    const single = buildSingleFile(process.arch as Processor, join(folder, "single"));
    const nodes = SUPPORTED.map((major) => ({ major, found: nodeOf(major) }));
    keepCode();
    const programs = contestants(tree, single.file, nodes);
    for (let round = 0; round < WARM_UPS; round++) for (const program of programs) run(program);
    const times = programs.map((): number[] => []);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, program] of programs.entries()) times[index]?.push(run(program));
    }
    const byName = (each: readonly (readonly number[])[]): ReadonlyMap<string, readonly number[]> =>
      new Map(programs.map(({ name }, index) => [name, each[index] ?? []]));
    const leftOut = [
      ...(single.file === null ? [`the single file (${single.why})`] : []),
      ...nodes.flatMap(({ major, found }) => (found.program === null ? [`Node ${major} (${found.why})`] : [])),
      ...(rdmaTopo() === null ? ["rdma_topo (not installed; RDMA_TOPO=FILE names it)"] : []),
    ];
    return report({ wall: byName(times), processor: byName(processorTimes(programs)) }, leftOut);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** V8's code for each Node, as a published package carries it. */
function keepCode(): void {
  const script = fileURLToPath(new URL("../scripts/build-code-cache.ts", import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, ["--import", "tsx", script, "--supported"], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`the code of a start was not kept: ${stderr}`);
}

const SINGLE = "single file, matrix";
const SINGLE_VERSION = "single file, --version";
const LSPCI = "lspci -vvv";
const LSPCI_VERSION = "lspci --version";
const LSTOPO = "lstopo --whole-io";
const RDMA_TOPO = "rdma_topo topology";
const matrixOn = (major: number): string => `Node ${major}, matrix`;
const nothingOn = (major: number): string => `Node ${major}, -e 0`;

function contestants(
  tree: string,
  single: string | null,
  nodes: readonly { readonly major: number; readonly found: FoundNode }[],
): readonly Contestant[] {
  const devices = join(tree, "sys/bus/pci");
  const isMatrix = (output: string): boolean => output.includes("0003:");
  const isAnything = (): boolean => true;
  const ours = nodes.flatMap(({ major, found: { program } }): Contestant[] =>
    program === null
      ? []
      : [
          { name: matrixOn(major), command: [program, CLI, "matrix", "--root", tree], isRight: isMatrix },
          { name: nothingOn(major), command: [program, "-e", "0"], isRight: isAnything },
        ],
  );
  const file: readonly Contestant[] =
    single === null
      ? []
      : [
          { name: SINGLE, command: [single, "matrix", "--root", tree], isRight: isMatrix },
          { name: SINGLE_VERSION, command: [single, "--version"], isRight: (output) => /^\d+\.\d+/.test(output) },
        ];
  const topo = rdmaTopo();
  return [
    ...ours,
    ...file,
    {
      name: LSPCI,
      command: ["lspci", "-A", "linux-sysfs", "-O", `sysfs.path=${devices}`, "-vvv"],
      isRight: (output) => output.match(/^[0-9a-f]{4}:/gm)?.length === START_FUNCTIONS,
    },
    { name: LSPCI_VERSION, command: ["lspci", "--version"], isRight: (output) => output.startsWith("lspci version") },
    {
      name: LSTOPO,
      command: ["lstopo", "--of", "console", "--whole-io"],
      environment: { HWLOC_FSROOT: tree, HWLOC_THISSYSTEM: "0" },
      isRight: (output) => output.includes("PCI 0003:"),
    },
    ...(topo === null
      ? []
      : [
          {
            // It knows servers of one vendor and ends as soon as it sees that this is none: its work would take longer.
            name: RDMA_TOPO,
            command: ["python3", topo, "topology"] as const,
            environment: { RDMA_TOPO_DEVDIR: `${devices}/devices/` },
            exitCode: 100,
            isRight: isAnything,
          },
        ]),
  ];
}

/** The script rdma_topo of rdma-core where it is installed, or named by RDMA_TOPO. */
function rdmaTopo(): string | null {
  const named = process.env["RDMA_TOPO"];
  if (named !== undefined) return named;
  const { status, stdout } = spawnSync("sh", ["-c", "command -v rdma_topo"], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : null;
}

/** Milliseconds from start to end; throws where a program did not do its work. */
function run({ name, command, environment, exitCode = 0, isRight }: Contestant): number {
  const [program, ...args] = command;
  const env = { ...process.env, ...environment };
  const start = performance.now();
  const { status, stdout, stderr, error } = spawnSync(program, args, { env, encoding: "utf8" });
  const milliseconds = performance.now() - start;
  if (error !== undefined || status !== exitCode || !isRight(stdout)) {
    throw new Error(
      `${name} failed (exit code ${status}): ${error?.message ?? stderr}\n${(stdout ?? "").slice(0, 500)}`,
    );
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
  const commands = JSON.stringify(programs.map(({ command, environment = {} }) => [command, environment]));
  const { status, stdout, stderr } = spawnSync("python3", ["-c", PYTHON, commands, String(ROUNDS)], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`python3 failed: ${stderr}`);
  const rounds = JSON.parse(stdout) as readonly (readonly number[])[];
  return programs.map((_, index) => rounds.map((round) => round[index] ?? Number.NaN));
}

function report({ wall, processor }: Contest, leftOut: readonly string[]): Report {
  const toLspci = (name: string, times = wall): Summary => ratios(times.get(name) ?? [], times.get(LSPCI) ?? []);
  const least = (name: string): number => Math.min(...(processor.get(name) ?? []));
  const majors = SUPPORTED.filter((major) => wall.has(matrixOn(major)));
  const own = majors.map((major) => ({ major, ms: least(matrixOn(major)) - least(nothingOn(major)) }));
  const ownTexts = own.map(({ major, ms }) => `${ms.toFixed(1)} ms on Node ${major}`);
  const times = (summary: Summary): string => `${summary.median.toFixed(2)} times`;
  const singleGoals = (): readonly string[] => {
    if (!wall.has(SINGLE)) return [];
    const matrix = toLspci(SINGLE, processor);
    const version = ratios(processor.get(SINGLE_VERSION) ?? [], processor.get(LSPCI_VERSION) ?? []);
    return [
      goal(
        `the single file's matrix at most ${LSPCI_GOAL} times ${LSPCI}`,
        matrix.median <= LSPCI_GOAL,
        `${times(matrix)} by CPU, ${times(toLspci(SINGLE))} by the clock`,
      ),
      goal(
        `its --version at most ${VERSION_GOAL} times that of lspci`,
        version.median <= VERSION_GOAL,
        `${times(version)} by CPU`,
      ),
    ];
  };
  const [first = matrixOn(SUPPORTED[0])] = majors.map(matrixOn);
  const toLstopo = ratios(wall.get(first) ?? [], wall.get(LSTOPO) ?? []);
  return {
    title: "Start to matrix",
    about:
      `Milliseconds of whole processes on one tree of ${START_FUNCTIONS} PCIe functions with 4,096 bytes of config ` +
      `space each (recordings of a real kernel, in four domains), median (least–most) of ${ROUNDS} runs in which the ` +
      `programs take turns. All read the tree from files in the page cache. Ratios are of the same round, to ${LSPCI}. ` +
      "`-e 0` is what starting Node costs alone. CPU is user and system time of all threads, garbage collection and the " +
      `engine's compiler among them.${wall.has(RDMA_TOPO) ? " rdma_topo ends early here: it looks for one vendor's devices, and there are none." : ""}` +
      (leftOut.length > 0 ? ` Left out: ${leftOut.join("; ")}.` : ""),
    header: ["program", "ms", "to lspci", "ms of CPU", "to lspci"],
    rows: [...wall.keys()].map((name) => [
      name,
      formatSummary(summarize(wall.get(name) ?? []), 1),
      toLspci(name).median.toFixed(2),
      formatSummary(summarize(processor.get(name) ?? []), 1),
      toLspci(name, processor).median.toFixed(2),
    ]),
    goals: [
      goal(
        `on Node under ${LSPCI_GOAL} times ${LSPCI}`,
        toLspci(first).median < LSPCI_GOAL,
        majors.map((major) => `Node ${major} ${times(toLspci(matrixOn(major)))}`).join(", "),
      ),
      goal(
        `at most ${OWN_GOAL} ms of CPU of its own, which is without that of -e 0`,
        own.every(({ ms }) => ms <= OWN_GOAL),
        `${ownTexts.join(", ")}, by the least of each`,
      ),
      ...singleGoals(),
      goal("under lstopo", toLstopo.median < LSTOPO_GOAL, times(toLstopo)),
    ],
  };
}
