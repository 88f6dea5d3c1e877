import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { baselineText, fleetSnapshots } from "./fleet-snapshots.ts";
import { START_FUNCTIONS } from "./start-tree.ts";
import { summarize } from "./statistics.ts";
import { goal, type Report } from "./table.ts";

const SNAPSHOTS = 10_000;
const RUNS = 3;
const PER_SECOND_GOAL = 1000;
/** What the heap may grow by between a third of the snapshots and all of them, in MiB. */
const FLAT = 4;
const READER = fileURLToPath(new URL("read-fleet.ts", import.meta.url));

/** What read-fleet.ts prints. */
interface Run {
  readonly bytes: number;
  readonly pairs: number;
  readonly changes: number;
  readonly seconds: Readonly<Record<"read" | "decide" | "compare", number>>;
  readonly heapMegabytes: readonly [third: number, end: number];
  readonly peakMegabytes: number;
}

/** Snapshots of a fleet: read, decided and compared with a baseline, by CPU time; beside it Python's parser of their JSON. */
export async function benchFleet(): Promise<Report> {
  const runs = Array.from({ length: RUNS }, (): Run => {
    const words = ["--expose-gc", "--import", "tsx", READER, String(SNAPSHOTS)];
    return JSON.parse(run(process.execPath, words)) as Run;
  });
  const [first] = runs as [Run];
  const per = (step: keyof Run["seconds"]): number =>
    (summarize(runs.map(({ seconds }) => seconds[step])).median / SNAPSHOTS) * 1000;
  const whole = per("read") + per("decide") + per("compare");
  const parse = pythonParse();
  const row = (what: string, milliseconds: number): readonly string[] => [
    what,
    milliseconds.toFixed(3),
    Math.round(1000 / milliseconds).toString(),
    (milliseconds / parse).toFixed(2),
  ];
  const [third, end] = first.heapMegabytes;
  return {
    title: "A fleet of snapshots",
    about:
      `CPU time (user and system, all threads, garbage collection in it) of ${SNAPSHOTS} snapshots of ${START_FUNCTIONS} ` +
      `functions, ${Math.round(first.bytes / SNAPSHOTS / 1000)} kB each and no two the same (bench/fleet-snapshots.ts): ` +
      `read from bytes in memory, all pairs of their devices decided (${first.pairs}), the verdicts compared with a ` +
      `baseline's (${first.changes} differ). Medians of ${RUNS} runs. The peer only parses: \`json.loads\` of Python over ` +
      "the first 500 of the same texts.",
    header: ["step", "ms of CPU each", "per second and core", "to json.loads"],
    rows: [
      row("read", per("read")),
      row("decide all pairs", per("decide")),
      row("compare with the baseline", per("compare")),
      row("all three", whole),
      row("python3 json.loads", parse),
    ],
    goals: [
      goal(
        `at least ${PER_SECOND_GOAL} per second and core`,
        whole <= 1000 / PER_SECOND_GOAL,
        `${Math.round(1000 / whole)}`,
      ),
      goal(
        "memory flat",
        end - third < FLAT,
        `heap behind a collection ${third.toFixed(1)} MiB at a third, ${end.toFixed(1)} MiB at the end; ` +
          `peak of the process ${first.peakMegabytes.toFixed(0)} MiB`,
      ),
    ],
  };
}

const PYTHON = `
import json, resource, sys
texts = open(sys.argv[1]).read().split("\\0")
start = resource.getrusage(resource.RUSAGE_SELF)
for text in texts: json.loads(text)
end = resource.getrusage(resource.RUSAGE_SELF)
print((end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime) / len(texts) * 1000)
`;

/** Milliseconds of CPU that Python takes to parse one. */
function pythonParse(): number {
  const folder = mkdtempSync(join(tmpdir(), "peerlane-fleet-"));
  try {
    const file = join(folder, "texts");
    writeFileSync(
      file,
      [...fleetSnapshots(baselineText(), 500, 1)].map((bytes) => new TextDecoder().decode(bytes)).join("\0"),
    );
    return Number(run("python3", ["-c", PYTHON, file]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function run(program: string, words: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} failed (exit code ${status}): ${error?.message ?? stderr}`);
  return stdout;
}
