import type { Baseline, LabResult, LabRun } from "../../lab/lab.ts";
import type { ListKind } from "../../lab/list-kinds.ts";
import type { CostCounters } from "../../memory/cost.ts";

/** Machines whose costs are shown: no IOMMU, IOMMU and direct peers, IOMMU and peers through it. */
export const COST_CLASSES: readonly string[] = ["one-switch", "iommu-closed-root", "acs-redirect-iommu"];

/** A table of counted operations. */
export interface CostTable {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const HEAD = ["design", "touches", "look-ups", "visits", "passes", "IOMMU", "flushes", "IOVA", "objects", "before"];

/** The costs of all designs on the machines of {@link COST_CLASSES}, with the longest lists that were run. */
export function costTables(result: LabResult): readonly CostTable[] {
  const length = result.lengths.at(-1) ?? 0;
  return result.classes
    .filter(({ id }) => COST_CLASSES.includes(id))
    .flatMap(({ id, title }) =>
      (["no-peer", "mixed"] as const).flatMap((listKind): CostTable[] => {
        const rows = rowsOf(result, id, listKind, length);
        if (rows.length === 0) return [];
        return [{ title: `${title}, ${listKind} list of ${length} segments`, head: HEAD, rows }];
      }),
    );
}

function rowsOf(result: LabResult, kind: string, listKind: ListKind, length: number): readonly (readonly string[])[] {
  const baseline = result.baselines.find((one) => one.kind === kind && one.length === length);
  const rows = result.cells
    .filter((cell) => cell.kind === kind)
    .flatMap(({ design, runs }) => {
      const run = runs.find((one) => one.listKind === listKind && one.length === length);
      return run === undefined ? [] : [[design, ...costCells(run)]];
    });
  if (listKind !== "no-peer" || baseline === undefined || rows.length === 0) return rows;
  return [["(a kernel without peers)", ...baselineCells(baseline)], ...rows];
}

function costCells({ length, result: { cost, refusal } }: LabRun): readonly string[] {
  if (refusal !== null) return ["refused", ...HEAD.slice(2).map(() => "")];
  return [...cells(cost.map, cost.unmap, length), preparation(cost.prepare)];
}

function baselineCells({ length, map, unmap }: Baseline): readonly string[] {
  return [...cells(map, unmap, length), ""];
}

/** Per segment what grows with each segment, per list the rest; map and unmap together. */
function cells(map: CostCounters, unmap: CostCounters, length: number): readonly string[] {
  const both = (name: keyof CostCounters): number => map[name] + unmap[name];
  const perSegment = (name: keyof CostCounters): string => rounded(both(name) / length);
  return [
    perSegment("pageTouches"),
    rounded((both("pagemapLookups") + both("ownerLookups")) / length),
    perSegment("segmentVisits"),
    `${both("listPasses")}`,
    `${both("iommuMapCalls") + both("iommuUnmapCalls")}`,
    `${both("iommuFlushes")}`,
    `${both("iovaAllocations")}`,
    `${both("allocations")}`,
  ];
}

const preparationWords: readonly (readonly [keyof CostCounters, string, string])[] = [
  ["listPasses", "pass", "passes"],
  ["pageTouches", "page touch", "page touches"],
  ["ownerLookups", "look-up", "look-ups"],
  ["mapTypeDecisions", "decision", "decisions"],
  ["iommuMapCalls", "IOMMU call", "IOMMU calls"],
  ["allocations", "object", "objects"],
];

function preparation(cost: CostCounters): string {
  return preparationWords
    .filter(([name]) => cost[name] > 0)
    .map(([name, one, many]) => `${cost[name]} ${cost[name] === 1 ? one : many}`)
    .join(", ");
}

function rounded(value: number): string {
  return `${Number(value.toFixed(2))}`;
}
