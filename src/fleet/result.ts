import type { Cause } from "./causes.ts";
import type { ClassFacts } from "./look.ts";

/** What became of one machine's source. */
export type RowState = "read" | "failed" | "duplicate";

/** One machine of a fleet. */
export interface MachineRow {
  readonly name: string;
  readonly state: RowState;
  /** Of one that was read. */
  readonly class: string | null;
  readonly numbering: string | null;
  readonly format: string | null;
  /** Why it was not. */
  readonly reason: string | null;
}

/** Machines that are alike in all that matters. */
export interface FleetClass {
  readonly id: string;
  readonly facts: ClassFacts;
  /** In the order of the sources. */
  readonly members: readonly string[];
  /** What others are held against: a kind of machine, and no outlier. */
  readonly isReference: boolean;
  /** The larger class that it has most in common with; `null` for the largest of its like. */
  readonly nearest: string | null;
  /** What differs from that one. */
  readonly causes: readonly Cause[];
  /** Members whose bus numbers are not those that most of the class have. */
  readonly renumbered: readonly string[];
}

/** A fleet as it was read. */
export interface Fleet {
  /** In the order of the sources. */
  readonly rows: readonly MachineRow[];
  /** Outliers first, those of fewest machines first; then references, the largest last. */
  readonly classes: readonly FleetClass[];
}
