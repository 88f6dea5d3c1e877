import type { Bdf } from "../pci/bdf.ts";
import type { LinkState } from "../pci/express.ts";
import type { Known } from "../pci/known.ts";
import type { MapType } from "../rules/verdict.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";

/** What a job does, in fio's words. */
export const READ_WRITE = ["read", "write", "randread", "randwrite", "rw", "randrw"] as const;

/** One of {@link READ_WRITE}. */
export type ReadWrite = (typeof READ_WRITE)[number];

/** Through whose memory the data goes. */
export type SideName = "peer" | "dram";

/** A job, in fio's terms. */
export interface BenchJobView {
  readonly rw: ReadWrite;
  /** Percent of reads, where `rw` mixes. */
  readonly rwmixreadPercent: number;
  readonly blockBytes: number;
  readonly iodepth: number;
  readonly runtimeSeconds: number;
  readonly rampSeconds: number;
  readonly offsetBytes: number;
  /** A multiple of `blockBytes`. */
  readonly sizeBytes: number;
  readonly seed: number;
}

/** CPU time of the benchmark's own process. */
export interface CpuSeconds {
  readonly userSeconds: number;
  readonly systemSeconds: number;
}

/** What memory controllers counted, whoever caused it. */
export interface DramTraffic {
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** Nanoseconds from the call to its end in this process. */
export interface Latency {
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** What one kind of I/O came to. */
export interface IoFigures {
  readonly ios: number;
  readonly bytes: number;
  readonly bytesPerSecond: number;
  readonly iops: number;
  /** `null` where nothing was done. */
  readonly latencyNs: Latency | null;
}

/** Figures of a stretch of time on one side. */
export interface StretchView {
  /** Reads and writes together. */
  readonly all: IoFigures;
  /** Of a mixed job, each alone; else `null`. */
  readonly read: IoFigures | null;
  readonly write: IoFigures | null;
  /** From the first call to the last end. */
  readonly seconds: number;
  readonly cpu: CpuSeconds;
  /** How much of the time this process's own event loop was busy, 0 to 1: near 1 it is the limit, not the device. */
  readonly loopUtilization: number;
  readonly dram: Known<DramTraffic>;
  /** How often each failure came; `short` for I/O that moved less than asked. */
  readonly errors: Readonly<Record<string, number>>;
}

/** One slice. */
export interface SliceView extends StretchView {
  /** Slices of both sides with one number stand beside each other. */
  readonly index: number;
  readonly side: SideName;
  /** Since the first slice began. */
  readonly startSeconds: number;
}

/** A latency that so many percent of the I/O did not exceed. */
export interface DistributionPoint {
  readonly percentile: number;
  readonly latencyNs: number;
}

/** All slices of one side. */
export interface SideView extends StretchView {
  readonly distribution: readonly DistributionPoint[];
}

/** How peer came out against DRAM in throughput. */
export interface RatioView {
  readonly overall: number;
  /** The least and the greatest of the slices that stood beside each other. */
  readonly min: number;
  readonly max: number;
}

/** A PCI function that takes part. */
export interface PartyView {
  readonly bdf: Bdf;
  readonly name: string | null;
  /** What was negotiated; `null` where it has no link. */
  readonly link: Known<LinkState | null>;
}

/** Whose memory is used, and how the rules say that the kernel maps it for each client. */
export interface PeerPathView {
  readonly provider: PartyView;
  readonly clients: readonly (PartyView & { readonly mapType: MapType; readonly hops: number | null })[];
}

/** Why a path was not benched, or what ended it early. */
export type BenchOutcome = "measured" | "partial" | "refused" | "loses-data" | "failed";

/** A benchmark, as reports show it. */
export interface BenchView {
  readonly table: Pick<VerdictTable, "machine" | "rules">;
  readonly target: {
    readonly name: string;
    readonly path: string;
    readonly kind: "device" | "file";
    readonly sizeBytes: number;
    readonly logicalBlockBytes: number;
    /** The functions whose DMA moves its data. */
    readonly functions: readonly PartyView[];
  };
  readonly job: BenchJobView;
  /** `null` where only DRAM was measured. */
  readonly path: PeerPathView | null;
  readonly outcome: BenchOutcome;
  /** What happened, where the outcome is not `measured`, and what to do. */
  readonly why: { readonly what: string; readonly remedy: string | null } | null;
  readonly sides: { readonly peer: SideView | null; readonly dram: SideView | null };
  readonly ratio: RatioView | null;
  readonly slices: readonly SliceView[];
  /** What the reader of the figures should know. */
  readonly notes: readonly string[];
}
