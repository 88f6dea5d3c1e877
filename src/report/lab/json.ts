import { DESIGN_IDS, type DesignId } from "../../lab/design.ts";
import type { LabCell, LabRun } from "../../lab/lab.ts";
import { CLASS_IDS, type ClassId } from "../../lab/machines/machine-class.ts";
import { outcomeOf, type RunResult } from "../../lab/outcome.ts";
import { type RunPlan, runId } from "../../lab/run-id.ts";
import { formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { LabJson, LabReplayJson, LabRunJson } from "../json-types.ts";
import type { LabView } from "./blocks.ts";

/** `peerlane.lab/1`. Throws `unsupported` for designs and classes that are not the lab's: its schema names those. */
export function labJson({ result, statements, measured }: LabView): LabJson {
  return {
    schema: "peerlane.lab/1",
    seed: result.seed,
    lengths: result.lengths,
    designs: result.designs.map(({ id, title, idea, origins, preparation, hasPeerPages, mapsByDirection = false }) => ({
      id: designId(id),
      ...{ title, idea, origins, preparation, hasPeerPages, mapsByDirection },
    })),
    classes: result.classes.map(({ id, title, words, pairs, scenario, rootComplex, switchForwarding }) => ({
      id: classId(id),
      ...{ title, words, pairs, scenario, rootComplex, switchForwarding },
    })),
    cells: result.cells.map(cellJson),
    baselines: result.baselines.map((one) => ({ ...one, kind: classId(one.kind) })),
    claims: statements.map(({ statement: { id, who, date, seed, says, about, leftOut }, checked }) => ({
      ...{ id, who, date, seed, says, about },
      leftOut: leftOut?.classes ?? [],
      holds: checked?.holds ?? null,
      evidence: checked?.evidence ?? null,
    })),
    measured: measured.map((one) => ({ ...one, design: designId(one.design), kind: classId(one.kind) })),
  };
}

function designId(id: string): DesignId {
  return DESIGN_IDS.find((known) => known === id) ?? notOurs("design", id);
}

function classId(id: string): ClassId {
  return CLASS_IDS.find((known) => known === id) ?? notOurs("machine class", id);
}

function notOurs(what: string, id: string): never {
  throw new PeerlaneError("unsupported", `${what} '${id}' is not the lab's, and the JSON of the lab has no other`);
}

function cellJson({ design, kind, runs, counterExample, fallBack }: LabCell): LabJson["cells"][number] {
  return {
    design: designId(design),
    class: classId(kind),
    runs: runs.map(({ listKind, length, result }: LabRun) => ({ workload: listKind, length, ...outcomeJson(result) })),
    counterExample: counterExample === null ? null : { id: counterExample.id, ...detailsJson(counterExample.result) },
    fallBack,
  };
}

function outcomeJson(result: RunResult): Omit<LabRunJson, "workload" | "length"> {
  const { read, write, cost, entryCount, throughRoot, inHostMemory, structPageBytes, isRestored, isContained } = result;
  return {
    outcome: outcomeOf(result),
    ...{
      read,
      write,
      cost,
      dmaEntries: entryCount,
      throughRoot,
      inHostMemory,
      structPageBytes,
      isRestored,
      isContained,
    },
  };
}

/** What a counter-example and a replay tell beside the outcome. */
function detailsJson({
  refusal,
  mishap,
  read,
  write,
}: RunResult): Pick<LabReplayJson, "read" | "write" | "refusal" | "mishap"> {
  return {
    ...{ read, write, refusal },
    mishap:
      mishap === null
        ? null
        : {
            ...mishap,
            hops: mishap.hops.map((hop) => ({ ...hop, at: hop.at === "root-complex" ? hop.at : formatBdf(hop.at) })),
          },
  };
}

/** `peerlane.lab-replay/1`. */
export function replayJson(plan: RunPlan, result: RunResult): LabReplayJson {
  return {
    schema: "peerlane.lab-replay/1",
    id: runId(plan),
    design: designId(plan.design.id),
    class: classId(plan.kind.id),
    seed: plan.seed,
    ...outcomeJson(result),
    entries: result.entries,
    ...detailsJson(result),
  };
}
