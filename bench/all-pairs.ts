import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Machine } from "../src/host/machine.ts";
import { topologyOf } from "../src/host/machine.ts";
import { parseScenario } from "../src/host/scenario/parse-scenario.ts";
import { scenarioMachine } from "../src/host/scenario/scenario-machine.ts";
import type { Topology } from "../src/pci/topology.ts";
import { decidePairs, type PairArrays } from "../src/rules/decide-all.ts";
import { decideHostBridge, type HostBridgeOutcome } from "../src/rules/host-bridge.ts";
import type { KernelRules } from "../src/rules/kernels/kernel-rules.ts";
import { KERNEL_RULES } from "../src/rules/kernels/mainline.ts";
import { mapTypeName } from "../src/rules/map-type.ts";
import { decideAll, type VerdictTable } from "../src/rules/verdict-table.ts";
import { flatTree } from "./flat-tree.ts";
import { compilePerPairWalk, PerPairWalk } from "./per-pair-walk.ts";
import { type ServerShape, serverScenario } from "./server-scenario.ts";
import { formatSummary, ratios, type Summary, summarize } from "./statistics.ts";
import { goal, type Report } from "./table.ts";

const SIZES = [64, 256, 1024] as const;
const SHAPES: readonly ServerShape[] = ["servers", "fabric"];
const ROUNDS = 21;
/** Each side runs at least this long in a round. */
const ROUND_NANOSECONDS = 60e6;
const RELEASE = "7.2";
const GOAL = 5;

/** Pairs per nanosecond, times 1,000: million pairs per second. */
const MILLION_PER_SECOND = 1e3;

interface Measured {
  readonly shape: ServerShape;
  readonly endpoints: number;
  readonly walk: Summary;
  readonly pairs: Summary;
  readonly pairsRatio: Summary;
  readonly table: Summary;
  readonly tableRatio: Summary;
  /** The first `decideAll` of this machine, milliseconds. */
  readonly firstMilliseconds: number;
}

/** Verdicts of all pairs against per-pair-walk.c, which must decide the same for each of them. */
export async function benchAllPairs(): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "peerlane-bench-"));
  try {
    const program = compilePerPairWalk(folder);
    const all: Measured[] = [];
    for (const shape of SHAPES) for (const size of SIZES) all.push(await measure(shape, size, program, folder));
    return report(all);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measure(shape: ServerShape, endpoints: number, program: string, folder: string): Promise<Measured> {
  const name = `${shape}-${endpoints}`;
  const machine = scenarioMachine(parseScenario(serverScenario(shape, endpoints), name));
  const start = performance.now();
  const table = decideAll(machine);
  const firstMilliseconds = performance.now() - start;
  const treeFile = join(folder, `${name}.txt`);
  writeFileSync(treeFile, flatTree(table.topology, table.clients, rulesOf(RELEASE)));
  const walk = new PerPairWalk(program, treeFile);
  try {
    const ours = pairDecider(machine, table);
    await walk.run(1);
    checkEqual(table, ours(), await walk.verdicts(join(folder, `${name}.bin`)));
    const times = { walk: [] as number[], pairs: [] as number[], table: [] as number[] };
    const [walkTimes, pairsTimes, tableTimes] = [
      timesPerRound(await walk.run(10)),
      timesPerRound(time(ours, 200)),
      timesPerRound(time(() => decideAll(machine), 50)),
    ];
    for (let round = 0; round < ROUNDS; round++) {
      times.walk.push(await walk.run(walkTimes));
      times.pairs.push(time(ours, pairsTimes));
      times.table.push(time(() => decideAll(machine), tableTimes));
    }
    const speed = (nanoseconds: number): number => (endpoints ** 2 / nanoseconds) * MILLION_PER_SECOND;
    return {
      shape,
      endpoints,
      walk: summarize(times.walk.map(speed)),
      pairs: summarize(times.pairs.map(speed)),
      pairsRatio: ratios(times.walk, times.pairs),
      table: summarize(times.table.map(speed)),
      tableRatio: ratios(times.walk, times.table),
      firstMilliseconds,
    };
  } finally {
    walk.close();
  }
}

function rulesOf(release: string): KernelRules {
  const rules = KERNEL_RULES.find((candidate) => candidate.release === release);
  if (rules === undefined) throw new Error(`no rules of ${release}`);
  return rules;
}

function timesPerRound(nanoseconds: number): number {
  return Math.max(1, Math.ceil(ROUND_NANOSECONDS / nanoseconds));
}

/** Nanoseconds per call. */
function time(call: () => unknown, times: number): number {
  const start = performance.now();
  for (let index = 0; index < times; index++) call();
  return ((performance.now() - start) * 1e6) / times;
}

/** `decidePairs` with everything before it done: topology, selection, and host bridges as `decideAll` remembers them. */
function pairDecider(machine: Machine, table: VerdictTable): () => PairArrays {
  const topology = topologyOf(machine);
  const indices = Int32Array.from(table.clients, (bdf) => topology.indexOf(bdf));
  const apart = rememberedHostBridges(machine, topology);
  const hostBridges = { redirected: (root: number): HostBridgeOutcome => apart(root, root), apart };
  return () => decidePairs(topology, indices, indices, hostBridges);
}

function rememberedHostBridges(machine: Machine, topology: Topology): (from: number, to: number) => HostBridgeOutcome {
  const rules = rulesOf(RELEASE);
  const { length } = topology.roots;
  const facts = { ...machine, inferredCpu: null };
  const outcomes = Array.from({ length: length * length }, (_, pair) =>
    decideHostBridge(topology, facts, rules, Math.floor(pair / length), pair % length),
  );
  return (from, to) => {
    const outcome = outcomes[from * length + to];
    if (outcome === undefined) throw new RangeError(`no root ${from} or ${to}`);
    return outcome;
  };
}

/** Compares all three element by element; throws at the first difference. */
function checkEqual(table: VerdictTable, pairs: PairArrays, walk: Uint16Array): void {
  const width = table.clients.length;
  if (walk.length !== 2 * width * width) throw new Error(`per-pair-walk decided ${walk.length / 2} pairs`);
  for (let pair = 0; pair < width * width; pair++) {
    const [i, j] = [Math.floor(pair / width), pair % width];
    const hops = walk[2 * pair + 1];
    const type = walk[2 * pair];
    const isSame =
      pairs.mapTypes[pair] === type &&
      pairs.hops[pair] === hops &&
      table.mapType(i, j) === mapTypeName(type ?? 0) &&
      table.hops(i, j) === hops;
    if (!isSame) throw new Error(`pair ${i}, ${j}: the walk says ${type}, ${hops}; Peerlane ${table.mapType(i, j)}`);
  }
}

function report(all: readonly Measured[]): Report {
  const goals = all
    .filter(({ endpoints }) => endpoints === 256)
    .map(({ shape, pairsRatio, tableRatio }) =>
      goal(
        `at least ${GOAL} times the pairs per second of the C program at 256 endpoints (${shape})`,
        pairsRatio.median >= GOAL,
        `decidePairs ${pairsRatio.median.toFixed(1)} times, decideAll ${tableRatio.median.toFixed(1)} times`,
      ),
    );
  return {
    title: "All pairs",
    about:
      "Million pairs per second, median (least–most) of " +
      `${ROUNDS} rounds in which the sides take turns. The peer, bench/per-pair-walk.c (gcc -O2), walks the tree for each pair; ` +
      "both sides decide map type and hops, and all results are compared element by element first. `decidePairs` is given " +
      "the built tree, as the C program is; `decideAll` starts from the machine, so it builds the tree and selects the " +
      "devices as well. Ratios are of the same round. `first` is the first decideAll of that machine in the process, in " +
      "milliseconds (the very first row is the one that no other row warmed up). " +
      "`servers` has 16 endpoints below each host bridge, two levels of switches; `fabric` 128 and three levels; ACS " +
      "differs from port to port.",
    header: ["tree", "endpoints", "C walk", "decidePairs", "ratio", "decideAll", "ratio", "first"],
    rows: all.map((row) => [
      row.shape,
      row.endpoints.toLocaleString("en"),
      formatSummary(row.walk, 1),
      formatSummary(row.pairs, 1),
      formatSummary(row.pairsRatio, 1),
      formatSummary(row.table, 1),
      formatSummary(row.tableRatio, 1),
      `${row.firstMilliseconds.toFixed(1)} ms`,
    ]),
    goals,
  };
}
