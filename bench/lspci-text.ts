import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeTextInput, type TextInput } from "./lspci-text-input.ts";
import { formatSummary, median, ratios, summarize } from "./statistics.ts";
import { goal, type Report } from "./table.ts";

const READER = fileURLToPath(new URL("read-text.ts", import.meta.url));
const INPUT_BYTES = 100e6;
const ROUNDS = 11;
const GOAL = 100;

/** Splits lines and takes the first word of each that begins a function: the least that a parser in Python does. */
const PYTHON = `
import sys
functions = {}
with open(sys.argv[1]) as text:
    for line in text:
        if line[0] != "\\t" and line != "\\n":
            address, _, rest = line.partition(" ")
            current = functions[address] = [rest, 0]
        elif "Capabilities: [" in line:
            current[1] += 1
print(len(functions))
`;

/** What one run took; the memory is that of the whole process. */
interface Run {
  readonly seconds: number;
  readonly processorSeconds: number;
  readonly megabytes: number;
}

interface Contestant {
  readonly name: string;
  run(): Run;
}

/** Reading 100 MB of text, each time in a fresh process on one CPU, against programs that do far less with each line. */
export async function benchLspciText(): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "peerlane-bench-"));
  try {
    const input = makeTextInput(folder, INPUT_BYTES);
    const programs = contestants(input);
    for (const program of programs) program.run();
    const runs = programs.map((): Run[] => []);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, program] of programs.entries()) runs[index]?.push(program.run());
    }
    return report(input, programs, runs);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function contestants(input: TextInput): readonly Contestant[] {
  return [
    { name: "peerlane reader", run: () => runReader(input) },
    {
      name: "python3, lines into a dict",
      run: () => runProgram(["python3", "-c", PYTHON, input.path], input.functions),
    },
    {
      name: "awk, counting functions",
      run: () => runProgram(["awk", "/^[0-9a-f]/ { n++ } END { print n }", input.path], input.functions),
    },
    { name: "grep -c", run: () => runProgram(["grep", "-c", "^[0-9a-f]", input.path], input.functions) },
    { name: "wc -l", run: () => runProgram(["wc", "-l", input.path]) },
  ];
}

/** The times are taken inside, without the start of Node. */
function runReader({ path, functions }: TextInput): Run {
  const output = pinned([process.execPath, "--import", "tsx", READER, path]);
  const run = JSON.parse(output) as Run & { functions: number };
  if (run.functions !== functions) throw new Error(`read ${run.functions} functions of ${functions}`);
  return run;
}

function runProgram(command: readonly string[], functions?: number): Run {
  const start = performance.now();
  const output = pinned(command);
  const seconds = (performance.now() - start) / 1000;
  if (functions !== undefined && Number(output) !== functions) {
    throw new Error(`${command[0]} found ${output.trim()} functions of ${functions}`);
  }
  return { seconds, processorSeconds: Number.NaN, megabytes: Number.NaN };
}

/** Runs on the last CPU only: helper threads of V8 then take their time from the same core. */
function pinned(command: readonly string[]): string {
  // Other locales make grep decode each letter.
  const env = { ...process.env, LC_ALL: "C" };
  const { status, stdout, stderr, error } = spawnSync("taskset", ["-c", "1", ...command], { encoding: "utf8", env });
  if (error !== undefined || status !== 0) throw new Error(`${command[0]} failed: ${error?.message ?? stderr}`);
  return stdout;
}

function report(input: TextInput, programs: readonly Contestant[], runs: readonly (readonly Run[])[]): Report {
  const megabytes = input.bytes / 1e6;
  const speeds = runs.map((list) => list.map(({ seconds }) => megabytes / seconds));
  const [ours = []] = runs;
  const speed = median(speeds[0] ?? []);
  const processorSpeed = median(ours.map(({ processorSeconds }) => megabytes / processorSeconds));
  const peak = median(ours.map((run) => run.megabytes));
  return {
    title: "Reading lspci text",
    about:
      `MB/s (10^6 bytes), median (least–most) of ${ROUNDS} runs that take turns, each a fresh process pinned to one CPU, ` +
      `of ${megabytes.toFixed(0)} MB of \`lspci -vvv\` text from the page cache: ${input.functions.toLocaleString("en")} ` +
      `functions, no two alike in address (${input.origin}, printed by \`lspci\` and renumbered). Peerlane decodes each ` +
      "function into a machine, timed inside of the process with warming up, garbage collection and all; the others do " +
      "far less with a line and are timed as processes. They stand here for scale.",
    header: ["program", "MB/s", "peerlane's speed to this"],
    rows: programs.map(({ name }, index) => [
      name,
      formatSummary(summarize(speeds[index] ?? []), 0),
      index === 0 ? "" : formatSummary(ratios(speeds[0] ?? [], speeds[index] ?? []), 2),
    ]),
    goals: [
      goal(
        `${GOAL} MB/s on one core`,
        speed >= GOAL,
        `${speed.toFixed(0)} MB/s; by CPU time ${processorSpeed.toFixed(0)} MB/s; peak memory of the process ${peak.toFixed(0)} MB`,
      ),
    ],
  };
}
