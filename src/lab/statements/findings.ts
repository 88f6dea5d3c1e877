import type { CostCounters } from "../../memory/cost.ts";
import type { DesignId } from "../design.ts";
import { type Baseline, type LabCell, type LabResult, type LabRun, outcomesOf } from "../lab.ts";
import type { ListKind } from "../list-kinds.ts";
import { findClass } from "../machines/all-classes.ts";
import { CLASS_IDS, type ClassId } from "../machines/machine-class.ts";
import { type LabOutcome, worse } from "../outcome.ts";

/** Thrown inside of a check where the lab was not asked for what the check needs. */
export class NotRun extends Error {
  override readonly name = "NotRun";
}

/** What was found, as checks ask for it; whatever was not run throws {@link NotRun}. */
export class Findings {
  readonly result: LabResult;

  constructor(result: LabResult) {
    this.result = result;
  }

  /** The longest lists that were run. */
  get longest(): number {
    return this.result.lengths.at(-1) ?? 0;
  }

  /** All classes there are: what is said of all machines is not decided by some. */
  get classes(): readonly ClassId[] {
    for (const id of CLASS_IDS) found(this.result.classes.find((kind) => kind.id === id));
    return CLASS_IDS;
  }

  cell(design: DesignId, kind: ClassId): LabCell {
    return found(this.result.cells.find((cell) => cell.design === design && cell.kind === kind));
  }

  /** The worst outcome of lists that have peers of both pairs, both directions. */
  withPeers(design: DesignId, kind: ClassId): LabOutcome {
    const cell = this.cell(design, kind);
    return (["mixed", "all-peer"] as const).reduce<LabOutcome>((worst, listKind) => {
      const outcomes = outcomesOf(cell, listKind);
      return outcomes === null ? worst : worse(worst, worse(outcomes.read, outcomes.write));
    }, "right");
  }

  /** How the pair with a peer ends, the worse of both directions. */
  pair(design: DesignId, kind: ClassId, peer: "a" | "b"): LabOutcome {
    const { read, write } = found(outcomesOf(this.cell(design, kind), `only-${peer}`) ?? undefined);
    return worse(read, write);
  }

  /** Both pairs in words: `near right, far refused`, or one word where they end alike. */
  pairs(design: DesignId, kind: ClassId): string {
    const words = (peer: "a" | "b"): string => this.pair(design, kind, peer).replace("-", " ");
    const [a, b] = [words("a"), words("b")];
    const [placeA, placeB] = findClass(kind).pairs;
    if (a === b) return a;
    return placeA === placeB ? `${a} and ${b}` : `${placeA} ${a}, ${placeB} ${b}`;
  }

  /** The run with the longest list of a kind. */
  run(design: DesignId, kind: ClassId, listKind: ListKind): LabRun {
    const { runs } = this.cell(design, kind);
    return found(runs.find((run) => run.listKind === listKind && run.length === this.longest));
  }

  /** Operations of mapping and unmapping the longest list of a kind; without `prepare`. */
  cost(design: DesignId, kind: ClassId, listKind: ListKind): CostCounters {
    const { map, unmap } = this.run(design, kind, listKind).result.cost;
    return sum(map, unmap);
  }

  /** The same for RAM in a kernel that knows of no peers. */
  baseline(kind: ClassId): CostCounters {
    const { map, unmap }: Baseline = found(
      this.result.baselines.find((one) => one.kind === kind && one.length === this.longest),
    );
    return sum(map, unmap);
  }
}

function sum(a: CostCounters, b: CostCounters): CostCounters {
  const both = { ...a };
  for (const name of Object.keys(both) as (keyof CostCounters)[]) both[name] += b[name];
  return both;
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new NotRun();
  return value;
}
