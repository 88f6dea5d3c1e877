import { buildLabMachine } from "../src/lab/build-machine.ts";
import { MAPPING_DESIGNS } from "../src/lab/designs/all-designs.ts";
import { type ListKind, listOf, segmentsOf } from "../src/lab/list-kinds.ts";
import { findClass } from "../src/lab/machines/all-classes.ts";
import type { ClassId } from "../src/lab/machines/machine-class.ts";
import { DesignRunner } from "../src/lab/run.ts";
import { formatSummary, ratios, summarize } from "./statistics.ts";
import type { Report } from "./table.ts";

const SEGMENTS = 256;
const SEED = 1;
const ROUNDS = 11;
/** Each side runs at least this long in a round. */
const ROUND_NANOSECONDS = 10e6;

/** The back ends, by the machines that use them. */
const CLASSES: readonly (readonly [ClassId, string])[] = [
  ["one-switch", "direct"],
  ["mask-32", "swiotlb"],
  ["iommu-strict", "IOMMU strict"],
  ["iommu-lazy", "IOMMU lazy"],
];
const LIST_KINDS: readonly ListKind[] = ["no-peer", "all-peer"];

/** One side of the benchmark: maps and unmaps a list `times` times; nanoseconds for each of its segments. */
type Side = (times: number) => number;

/** Mapping and unmapping by each design and back end, against a kernel that knows of no peers. */
export async function benchMapping(): Promise<Report> {
  const rows = CLASSES.flatMap(([id, backEnd]) =>
    LIST_KINDS.flatMap((listKind) => rowsOf(id, listKind).map((cells) => [backEnd, listKind, ...cells])),
  );
  return {
    title: "Mapping: segments per second",
    about:
      `Lists of ${SEGMENTS} pages, mapped and unmapped by each design of the lab on each back end, in this ` +
      "implementation. The peer is the same back end as a kernel without peer memory has it, with a list of RAM, in turns " +
      "in the same round. Medians of million segments per second (least–most), and its time divided by ours: 1 means that " +
      "the design costs nothing, 2 that it takes half the time.",
    header: ["back end", "list", "design", "million/s", "ratio"],
    rows,
    goals: [],
  };
}

function rowsOf(id: ClassId, listKind: ListKind): string[][] {
  const segments = segmentsOf(listKind, SEGMENTS);
  const baseline = baselineOf(id);
  return MAPPING_DESIGNS.flatMap((design) => {
    const runner = new DesignRunner(design, findClass(id));
    if (!runner.mapOnly(segments, SEED, 1)) return [[design.id, "refused", ""]];
    const side = timed((times) => runner.mapOnly(segments, SEED, times));
    const times = { design: [] as number[], baseline: [] as number[] };
    const counts = { design: timesPerRound(side), baseline: timesPerRound(baseline) };
    for (let round = 0; round < ROUNDS; round++) {
      times.baseline.push(baseline(counts.baseline));
      times.design.push(side(counts.design));
    }
    const speed = summarize(times.design.map((nanoseconds) => 1e3 / nanoseconds));
    return [[design.id, formatSummary(speed, 2), formatSummary(ratios(times.baseline, times.design), 2)]];
  });
}

function baselineOf(id: ClassId): Side {
  const machine = buildLabMachine(findClass(id), false);
  const { device, host } = machine.world;
  const list = listOf(machine, segmentsOf("no-peer", SEGMENTS), SEED);
  return timed((times) => {
    for (let index = 0; index < times; index++) {
      if (!host.mapList(device, list, "bidirectional").ok) throw new Error(`${id}: a list of RAM was refused`);
      host.unmapList(device, list, "bidirectional");
    }
  });
}

function timed(run: (times: number) => void): Side {
  return (times) => {
    const start = performance.now();
    run(times);
    return ((performance.now() - start) * 1e6) / times / SEGMENTS;
  };
}

/** After as many runs as the compiler needs. */
function timesPerRound(side: Side): number {
  side(200);
  return Math.max(1, Math.ceil(ROUND_NANOSECONDS / (side(20) * SEGMENTS)));
}
