/**
 * Kills copies at random points, two at a time on one pool, and looks at what is left each time: bytes outside of the
 * target ranges, the journal against the bytes, the pool. Then kills probes that write, and their restores. Arguments:
 * seed, number of kills of copies, number of kills of probes.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { randomFrom } from "../../../random.ts";
import {
  availableIn,
  bdfOf,
  check,
  must,
  pause,
  poolOf,
  readBytes,
  run,
  start,
  until,
  writeBytes,
} from "./guest-check.ts";
import { killProbes } from "./probe-kills.ts";

const MIB = 2 ** 20;
const SOURCE = "/dev/nvme0n1";
const LENGTH = 6 * MIB;
const GUARD = 256 * 1024;
/** Rounds after which the kills have had their chance, as a multiple of those that are needed if each meets its copy. */
const PATIENCE = 4;
const SIGNALS = ["SIGKILL", "SIGKILL", "SIGKILL", "SIGINT", "SIGTERM"] as const;

/** One place that copies go to, again and again; each on a disk of its own, as a copy claims its target. */
interface Lane {
  readonly target: string;
  readonly sourceStart: number;
  readonly targetStart: number;
  readonly journal: string;
}

const lanes: readonly Lane[] = ["/dev/nvme1n1", "/dev/nvme3n1"].map((target, i) => ({
  target,
  sourceStart: (2 + i * 24) * MIB,
  targetStart: (8 + i * 40) * MIB + 4096 * i,
  journal: `/tmp/journal-${i}.json`,
}));

const [seed = 1, wanted = 200, wantedOfProbes = 0] = process.argv.slice(2).map(Number);
const random = randomFrom(seed);
const provider = bdfOf("nvme0");
const available = availableIn(provider);
const sourceBytes = lanes.map(({ sourceStart }) => readBytes(SOURCE, sourceStart, LENGTH));
const fill = Buffer.alloc(LENGTH + 2 * GUARD);
let killed = 0;
let inFlight = 0;
let journals = 0;
let resumed = 0;

function copyArguments(lane: Lane): readonly string[] {
  const offsets = ["--source-offset", String(lane.sourceStart), "--target-offset", String(lane.targetStart)];
  const shape = ["--length", String(LENGTH), "--chunk", "128K", "--depth", "4", "--sync-every", "512K"];
  return ["copy", SOURCE, lane.target, ...offsets, ...shape, "--journal", lane.journal, "--yes", "--json"];
}

/** Bytes that the journal calls done; 0 without a journal. It is replaced whole, so that no read meets half of one. */
function completedIn(journal: string): number {
  if (!existsSync(journal)) return 0;
  return (JSON.parse(readFileSync(journal, "utf8")) as { completedBytes: number }).completedBytes;
}

/**
 * Kills one copy at a random point; the target's range and its guards held a fill before. A fifth are killed while they
 * start; of the others half once their journal has come to a random byte, however fast this machine is, and half a random
 * time after their first bytes of peer memory.
 */
async function killOne(lane: Lane): Promise<void> {
  const copy = start(copyArguments(lane));
  const before = available();
  const signal = SIGNALS[Math.floor(random() * SIGNALS.length)] ?? "SIGKILL";
  const early = random() < 0.2;
  const byProgress = random() < 0.5;
  const point = random();
  const hasEnded = (): boolean => copy.process.exitCode !== null;
  if (!early) await until(() => available() < before || hasEnded());
  if (early || !byProgress) await pause(point * (early ? 1500 : 400));
  else await until(() => completedIn(lane.journal) > point * (LENGTH - MIB) || hasEnded());
  copy.process.kill(signal);
  const { code, stderr } = await copy.ended;
  // Some end by themselves just before.
  if (code === 0) return;
  must(code === null || (code === 4 && stderr.includes("interrupted")), `after ${signal}`, { code, stderr });
  killed++;
  if (!early) inFlight++;
}

/** Outside of the range nothing changed, and what the journal calls done is done. */
function inspect(lane: Lane, index: number): number {
  const seen = readBytes(lane.target, lane.targetStart - GUARD, LENGTH + 2 * GUARD);
  must(seen.subarray(0, GUARD).equals(fill.subarray(0, GUARD)), "bytes before the range changed");
  must(seen.subarray(GUARD + LENGTH).equals(fill.subarray(GUARD + LENGTH)), "bytes behind the range changed");
  const completedBytes = completedIn(lane.journal);
  if (completedBytes > 0) journals++;
  const done = seen.subarray(GUARD, GUARD + completedBytes);
  must(
    done.equals((sourceBytes[index] as Buffer).subarray(0, completedBytes)),
    "the journal claims what is not there",
    {
      completedBytes,
    },
  );
  return completedBytes;
}

async function finish(lane: Lane, index: number): Promise<void> {
  const { code, stdout, stderr } = await run([...copyArguments(lane), "--resume", "--verify"]);
  must(code === 0, "the resumed copy fails", { code, stderr, stdout });
  const seen = readBytes(lane.target, lane.targetStart, LENGTH);
  must(seen.equals(sourceBytes[index] as Buffer), "the resumed copy differs from the source");
  must(!existsSync(lane.journal), "the journal outlives a finished copy");
  if ((JSON.parse(stdout) as { resumedAt?: number }).resumedAt) resumed++;
}

/** Enough of each kind of kill: how many a round gives depends on how fast this machine is. */
function isEnough(): boolean {
  return killed >= wanted && inFlight > wanted / 2 && journals > wanted / 20 && resumed > wanted / 40;
}

async function killCopies(): Promise<object> {
  const lastRound = (wanted / lanes.length) * PATIENCE;
  for (let round = 0; !isEnough() && round < lastRound; round++) {
    fill.fill(round & 0xff ? round & 0xff : 0xa5);
    for (const lane of lanes) {
      rmSync(lane.journal, { force: true });
      writeBytes(lane.target, lane.targetStart - GUARD, fill);
    }
    await Promise.all(lanes.map(killOne));
    const pool = poolOf(provider);
    must(await until(() => poolOf(provider).available === pool.size), "peer memory leaked", poolOf(provider));
    for (const [index, lane] of lanes.entries()) {
      if (inspect(lane, index) > 0 && resumed < wanted / 10) await finish(lane, index);
    }
  }
  must(killed >= wanted, "too few copies were killed", { killed });
  must(inFlight > wanted / 2, "too few kills met a copy in flight", { inFlight });
  must(journals > wanted / 20, "too few kills left a journal with progress", { journals });
  must(resumed > wanted / 40, "too few copies were resumed", { resumed });
  return { seed, killed, inFlight, journals, resumed };
}

if (wanted > 0) await check("kills", killCopies);
if (wantedOfProbes > 0) await check("probe kills", () => killProbes(seed, wantedOfProbes));
