import type { Cause } from "./causes.ts";
import type { FleetItem } from "./items.ts";
import type { ClassFacts } from "./look.ts";

/** What became of one machine's source. */
export type RowState = "read" | "failed" | "duplicate";

/** One machine of a fleet. */
export interface MachineRow {
  /** In the order of the sources, from 0; the same in a shard. */
  readonly place: number;
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
  readonly marks: Uint32Array;
  /** The place of the first of its machines. */
  readonly first: number;
  /** A snapshot of that one, packed by gzip; `null` of classes beyond those that are compared. */
  readonly example: Uint8Array | null;
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

/** A class as it was gathered, before it is told from others. */
export interface GatheredClass {
  readonly facts: ClassFacts;
  readonly marks: Uint32Array;
  readonly first: number;
  /** Where the first of its machines is read from again, or its snapshot. */
  readonly example: FleetItem | null;
  readonly members: readonly MachineRow[];
}

/** What was read, in any order. */
export interface Gathered {
  readonly rows: readonly MachineRow[];
  readonly classes: ReadonlyMap<string, GatheredClass>;
}
