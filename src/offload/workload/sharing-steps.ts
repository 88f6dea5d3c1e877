import type { RdmaMode } from "../../dmabuf/rdma-region.ts";
import type { ByteRange } from "../../pci/addresses.ts";
import type { DeviceName, DriveSetup, StepBase } from "./step-base.ts";

/*
 * Steps that share a device's memory, use it, and take it back. What one makes has a name, by which later ones use it.
 */

/** A device is given to a user (VFIO), if it is not yet, and parts of a BAR are exported as a buffer. */
export interface ExportStep extends StepBase {
  readonly kind: "export";
  readonly device: DeviceName;
  /** `null`: the largest. */
  readonly bar: number | null;
  /** `null`: the whole BAR. */
  readonly ranges: readonly ByteRange[] | null;
  readonly as: string;
}

/** An RDMA adapter registers a buffer. */
export interface ImportStep extends StepBase {
  readonly kind: "import";
  readonly buffer: string;
  readonly nic: DeviceName;
  readonly mode: RdmaMode;
  readonly as: string;
}

/** A host at the other end of the wire reads or writes a region. */
export interface RegionTraffic {
  readonly region: string;
  readonly direction: "read" | "write";
  readonly sizeBytes: number;
  /** Bytes from the region's start. */
  readonly offset: number;
}

/** `count` such messages, one behind the other. */
export interface RdmaStep extends StepBase, RegionTraffic {
  readonly kind: "rdma";
  readonly count: number;
}

/** How memory is taken back for a while, or for good. */
export type RevokeWay = "memory-decode-off" | "close" | "remove";

/** Traffic under which a change comes: when `after` bytes are through, and the next packet or request has its address. */
export type Interrupted = { readonly after: number } & (
  | ({ readonly way: "rdma" } & RegionTraffic)
  | ({ readonly way: "direct-io" } & ProcessTraffic)
);

/** A device is reset, its memory is taken back, or given again. */
export interface ChangeStep extends StepBase {
  readonly kind: "reset" | "revoke" | "restore";
  readonly device: DeviceName;
  /** Of `revoke`. */
  readonly by: RevokeWay;
  readonly during: Interrupted | null;
}

/** A virtual machine gets devices, RAM, and buffers at guest-physical addresses. */
export interface GuestStep extends StepBase {
  readonly kind: "guest";
  readonly guest: string;
  readonly devices: readonly DeviceName[];
  /** From guest-physical address 0 on; 0 for none. */
  readonly ramBytes: number;
  readonly maps: readonly { readonly buffer: string; readonly at: number }[];
}

/** A device of a guest reads or writes guest-physical addresses. */
export interface GuestDmaStep extends StepBase {
  readonly kind: "dma";
  readonly guest: string;
  readonly device: DeviceName;
  readonly direction: "read" | "write";
  readonly at: number;
  readonly sizeBytes: number;
  readonly count: number;
}

/** A process maps peer memory that is allocated for it. */
export interface MmapStep extends StepBase {
  readonly kind: "mmap";
  readonly device: DeviceName;
  readonly sizeBytes: number;
  readonly as: string;
}

/** A drive reads blocks into a process's memory, or writes blocks out of it (O_DIRECT). */
export interface ProcessTraffic {
  readonly memory: string;
  readonly drive: DriveSetup;
  readonly direction: "read" | "write";
  readonly sizeBytes: number;
  readonly block: number;
  /** Bytes from the start of the mapping. */
  readonly offset: number;
}

/** `count` such transfers, one behind the other. */
export interface DirectIoStep extends StepBase, ProcessTraffic {
  readonly kind: "direct-io";
  readonly count: number;
}

/** Steps of which what is made has a name. */
export type SharingStep =
  | ExportStep
  | ImportStep
  | RdmaStep
  | ChangeStep
  | GuestStep
  | GuestDmaStep
  | MmapStep
  | DirectIoStep;

/** What a name stands for. */
export type SharedKind = "buffer" | "region" | "guest" | "mapping";
