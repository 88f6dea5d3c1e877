/**
 * How peer traffic in one direction ends, as far as somebody documented it. `limited`: it arrives, with a documented
 * restriction that the words name (much slower, or only under a condition). `unknown`: nobody documented it, or the
 * sources disagree, or the machine's description hides what decides.
 */
export type DirectionOutcome = "works" | "fails" | "limited" | "unknown";

/**
 * Which way peer traffic takes: below one switch without going further up, or up to the root complex and down again
 * below the same root bus or another one. The last stands for both ways through the root complex.
 */
export type FactPath = "within-switch" | "same-host-bridge" | "across-host-bridges" | "any-through-root-complex";

/**
 * What kind of source says so, strongest first: the Linux kernel's source or history; a vendor's documentation of its own
 * hardware; the source of another driver or emulator; bytes that we moved and compared; a single report of somebody.
 */
export const EVIDENCE = ["kernel", "documentation", "driver", "measured", "report"] as const;

/** One of {@link EVIDENCE}. */
export type Evidence = (typeof EVIDENCE)[number];

/** A source that was read for a fact. */
export interface FactSource {
  readonly evidence: Evidence;
  /** An https address; `seed:` with the number of a mail of the project's seeds; `measured:` with what it was measured on. */
  readonly where: string;
  /** Of the source: a date, a month or a year, or a version. */
  readonly date: string;
  /** What it says, in our own words. */
  readonly says: string;
}

/** First and last of a range of numbers, both included. */
export type NumberRange = readonly [first: number, last: number];

/** Devices of one vendor. */
export interface IdPattern {
  readonly vendorId: number;
  readonly devices: "any" | readonly NumberRange[];
}

/** Devices that are in one of the patterns, or in none of them. */
export type IdSet = { readonly only: readonly IdPattern[] } | { readonly allBut: readonly IdPattern[] };

/** CPUs, as `/proc/cpuinfo` names them. */
export interface CpuPattern {
  readonly vendor: string;
  readonly families: NumberRange;
  readonly models: "any" | readonly number[];
}

/** Processors that some hardware is part of or stands beside, and no other. */
export interface ProcessorKind {
  readonly architecture: "x86_64" | "aarch64" | "ppc64" | "loongarch64";
  /** As `/proc/cpuinfo` names it, where the architecture has several. */
  readonly vendor?: string;
}

/** What a fact is about. Every part that is given must hold. */
export interface FactMatch {
  /** Where ids are hidden, a processor that is known to be of another kind rules the fact out. */
  readonly partOf?: ProcessorKind;
  readonly cpu?: CpuPattern;
  /** Each root bus on the way has a function of this set on it. */
  readonly onRootBus?: IdSet;
  /** Provider and client are each below a root port of this set. */
  readonly rootPort?: IdSet;
  /** Every port of a switch on the way is of this set. */
  readonly switchPorts?: IdSet;
  /** Provider and client are both emulated by QEMU (`isEmulated`): of a device that was passed through it tells nothing. */
  readonly endpoints?: "emulated-by-qemu";
  readonly iommu?: "translates" | "does-not-translate";
}

/** A documented behaviour of a platform: a row of the table. */
export interface PlatformFact {
  /** Stable, for programs and for the documentation. */
  readonly id: string;
  /** The hardware, as people name it. */
  readonly title: string;
  readonly match: FactMatch;
  readonly path: FactPath;
  /** The client writes into the provider's memory; `null`: the sources do not say. */
  readonly write: Exclude<DirectionOutcome, "unknown"> | null;
  /** The client reads the provider's memory; `null`: the sources do not say. */
  readonly read: Exclude<DirectionOutcome, "unknown"> | null;
  /** One sentence for people. */
  readonly words: string;
  readonly sources: readonly FactSource[];
}

/** The strongest kind of evidence that a fact has. */
export function strongestEvidence(fact: PlatformFact): Evidence {
  return EVIDENCE.find((kind) => fact.sources.some(({ evidence }) => evidence === kind)) ?? "report";
}
