import type { Machine } from "../host/machine.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { Known } from "../pci/known.ts";
import { formatSize } from "../pci/size.ts";
import type { Topology } from "../pci/topology.ts";

/** A process that has mapped memory of a pool. */
export interface PoolUserView {
  readonly pid: number;
  /** Its command name, as `/proc/PID/comm` has it. */
  readonly command: string;
  readonly sizeBytes: number;
}

/** Whether `probe`, `copy` and `bench` take memory of a pool, and why not. */
export type PoolUseView =
  | { readonly kind: "usable" }
  /** Not published: with `--allow-unpublished` and after a question only. */
  | { readonly kind: "unpublished"; readonly why: string }
  /** Memory that a GPU or accelerator keeps: never. */
  | { readonly kind: "in-use"; readonly why: string }
  | { readonly kind: "no-permission" | "not-offered"; readonly why: string };

/** A pool that is not taken. */
export interface LeftAlone {
  readonly provider: Bdf;
  readonly use: Exclude<PoolUseView, { readonly kind: "usable" }>;
}

/** As much of a pool as reports show; `src/live` reads it. */
export interface PoolView {
  readonly provider: Bdf;
  /** The driver bound to the provider: it registered the memory. */
  readonly owner: Known<string | null>;
  readonly sizeBytes: number;
  readonly availableBytes: Known<number>;
  /** Whether drivers find it (`pci_p2pmem_publish`); user space may map it either way. */
  readonly published: Known<boolean>;
  /** Whether this process may map it: the file `p2pmem/allocate` is there and can be written. */
  readonly mapping: "possible" | "no-permission" | "not-offered";
  readonly users: readonly PoolUserView[];
  readonly use: PoolUseView;
}

/** The pools of this host, and what it lacks to use them. */
export interface PoolsView {
  readonly machine: Machine;
  readonly topology: Topology;
  readonly pools: readonly PoolView[];
  readonly missing: readonly { readonly what: string; readonly remedy: string }[];
}

/** A process that has mapped some of a pool. */
export function poolUserText({ command, pid, sizeBytes }: PoolUserView): string {
  return `${command} (${pid}) has ${formatSize(sizeBytes)}`;
}
