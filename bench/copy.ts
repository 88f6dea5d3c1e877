import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseScenario } from "../src/host/scenario/parse-scenario.ts";
import { guestFiles } from "../src/vm/guest-files.ts";
import { runInGuest } from "../src/vm/run-in-guest.ts";
import { formatSummary, ratios, summarize } from "./statistics.ts";
import { goal, type Report } from "./table.ts";

const ROUNDS = 4;
const MIB = 2 ** 20;
const LENGTH = 512 * MIB;
const CHUNK = MIB;
const DEPTH = 4;
const SCENARIO = fileURLToPath(new URL("../examples/one-switch.yaml", import.meta.url));
const PEER = fileURLToPath(new URL("p2pmem-copy.c", import.meta.url));
const ROUNDS_PROGRAM = fileURLToPath(new URL("copy-rounds.mjs", import.meta.url));

/** Copies through real p2pmem in a booted machine: `peerlane copy` against C with threads, and both beside DRAM. */
export async function benchCopy(): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "peerlane-bench-"));
  try {
    const program = join(folder, "p2pmem-copy");
    execFileSync("gcc", ["-O2", "-static", "-pthread", "-o", program, PEER], { stdio: "inherit" });
    return reportOf(await rounds(program));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

type Side = "peerlane" | "c" | "cDram" | "ddDram";

async function rounds(program: string): Promise<Readonly<Record<Side, readonly number[]>>> {
  let output = "";
  const { exitCode } = await runInGuest(parseScenario(readFileSync(SCENARIO, "utf8"), SCENARIO), {
    files: await guestFiles(),
    freshDiskBytes: LENGTH,
    cpus: 1,
    command: `node /tests/copy-rounds.mjs ${ROUNDS} ${LENGTH} ${CHUNK} ${DEPTH}`,
    extraFiles: [
      { guestPath: "/tests/copy-rounds.mjs", hostPath: ROUNDS_PROGRAM },
      { guestPath: "/bin/p2pmem-copy", hostPath: program, mode: 0o755 },
    ],
    onOutput: (stream, chunk) => {
      if (stream === "stdout") output += Buffer.from(chunk).toString();
      else process.stderr.write(chunk);
    },
  });
  if (exitCode !== 0) throw new Error(`the guest's program ended with ${exitCode}`);
  const speeds: Record<Side, number[]> = { peerlane: [], c: [], cDram: [], ddDram: [] };
  for (const line of output.trim().split("\n")) {
    const { name, seconds } = JSON.parse(line) as { name: Side; seconds: number };
    speeds[name].push(LENGTH / MIB / seconds);
  }
  return speeds;
}

function reportOf(speeds: Readonly<Record<Side, readonly number[]>>): Report {
  const row = (name: string, side: Side): readonly string[] => [
    name,
    formatSummary(summarize(speeds[side]), 1),
    side === "c" ? "" : formatSummary(ratios(speeds[side], speeds.c), 2),
  ];
  const ratio = ratios(speeds.peerlane, speeds.c).median;
  return {
    title: "Copy through p2pmem",
    about: `MiB/s, median (least–most) of ${ROUNDS} rounds in which the programs take turns in one booted machine (QEMU, software emulation, one CPU, so that the emulated devices have the other one of the host): ${LENGTH / MIB} MiB from nvme0 to nvme1 below one switch, through the memory of nvme0 in chunks of ${CHUNK / 1024} KiB, ${DEPTH} in flight, O_DIRECT, the last flush included. The peer, bench/p2pmem-copy.c (gcc -O2), has a thread for each chunk in flight and checks nothing; peerlane also proves its first chunk, looks at some others and keeps its journal. QEMU's devices move peer data in pieces of 4 KiB, so all that is learnt here is what the program around the devices costs; DRAM stands beside for scale.`,
    header: ["program", "MiB/s", "to C through p2pmem"],
    rows: [
      row("peerlane copy, p2pmem", "peerlane"),
      row("C, p2pmem", "c"),
      row("C, DRAM", "cDram"),
      row("dd, DRAM (one in flight)", "ddDram"),
    ],
    goals: [goal("at least 0.95 of the C program at equal depth", ratio >= 0.95, `${ratio.toFixed(2)} of it`)],
  };
}
