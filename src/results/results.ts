import type { Bdf } from "../pci/bdf.ts";

/** The tools whose output is read. */
export type MeasuringTool =
  | "nvbandwidth"
  | "p2pBandwidthLatencyTest"
  | "perftest"
  | "nccl-tests"
  | "fio"
  | "peerlane bench";

/** An end of a measurement as its tool names it: not looked up on any machine. */
export type MeasuredDevice =
  /** A GPU by CUDA's or ROCm's number; `bdf` is `null` where the output has no address of it. */
  | { readonly kind: "gpu"; readonly index: number; readonly bdf: Bdf | null; readonly name: string | null }
  | { readonly kind: "bdf"; readonly bdf: Bdf }
  /** An RDMA device: `mlx5_0`. */
  | { readonly kind: "rdma"; readonly name: string }
  /** A disk or partition, without `/dev/`: `nvme0n1`. */
  | { readonly kind: "block"; readonly name: string }
  /** A file, or memory that is mapped from one: `/mnt/data`, `/dev/p2pmem0`. */
  | { readonly kind: "file"; readonly path: string }
  /** Memory of the host. */
  | { readonly kind: "host" }
  /** Several at once. */
  | { readonly kind: "group"; readonly members: readonly MeasuredDevice[] }
  /** The output does not say, or it is on another host. */
  | { readonly kind: "unknown"; readonly why: string };

/**
 * What is done. `write` and `read` are the tool's own words (an RDMA write, a read of a disk), `collective` is an operation
 * of NCCL in which every rank sends and receives.
 */
export type MeasuredOperation = "write" | "read" | "copy" | "send" | "collective";

/** One figure. Bytes go from `from` to `to`. */
export interface MeasuredEntry {
  readonly tool: MeasuringTool;
  /** The test by its tool's name: `device_to_device_memcpy_read_ce`, `ib_write_bw`, `sendrecv_perf`, a job of fio. */
  readonly test: string;
  /** What of it the figure is, in a few words: `P2P=Enabled, writes`, `bus bandwidth, in-place`. */
  readonly label: string;
  readonly from: MeasuredDevice;
  readonly to: MeasuredDevice;
  readonly operation: MeasuredOperation;
  /**
   * Whose DMA moves the bytes: `from` writes them into `to` (posted writes on PCIe), or `to` reads them from `from` (read
   * requests and completions).
   */
  readonly mover: "from" | "to" | "unknown";
  readonly direction: "one-way" | "sum of both";
  /** Bytes went the other way between the same two at the same time. */
  readonly opposed: boolean;
  /** Transfers that ran at once, one for each pair and direction; `null` where the output does not say. */
  readonly flows: number | null;
  /** It is of a part of what went between its ends at the time, as of one job of fio of several: another figure is of all. */
  readonly isPart?: true;
  /** Bytes in a second, a mean over the test; `null` in a test of latency. */
  readonly bytesPerSecond: number | null;
  /** Nanoseconds that one message, I/O or operation took, with what it waited for; `null` where the output does not say. */
  readonly latencyNs: number | null;
  /** Bytes of one message, block or buffer; `null` where the output does not say. */
  readonly sizeBytes: number | null;
  /** Whether data went from device to device without a stay in memory of the host. */
  readonly peer: "on" | "off" | "unknown";
  /** Where the figure stands in the text. */
  readonly place: ResultPlace;
  /** Why the figure may not be what it seems: data was wrong, an old release measured something else. */
  readonly doubts: readonly string[];
}

/** Line and column, both from 1. A column counts what a screen shows of the line: escape sequences take none. */
export interface ResultPlace {
  readonly line: number;
  readonly column: number;
}

/** A line that looks like a result and was not understood, or a hole in a table. */
export interface UnreadLine {
  readonly place: ResultPlace;
  /** The line, cut, with what a terminal would obey made visible; empty where lines are missing. */
  readonly text: string;
  readonly why: string;
}

/** What measuring tools printed, as data. */
export interface MeasuredResults {
  /** In the order in which they come. */
  readonly tools: readonly MeasuringTool[];
  readonly entries: readonly MeasuredEntry[];
  /** What had to be assumed to name devices and directions, once each. */
  readonly assumptions: readonly string[];
  /** Figures that were understood and say nothing of a path between two devices, counted by why. */
  readonly leftOut: readonly { readonly why: string; readonly count: number }[];
  /** All that was not understood: how many, and the first of them. */
  readonly unread: { readonly count: number; readonly lines: readonly UnreadLine[] };
}
