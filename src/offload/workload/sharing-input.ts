import type { NvmeDriverOptions } from "../../devices/nvme/driver.ts";
import type { RdmaMode } from "../../dmabuf/rdma-region.ts";
import type { RevokeWay } from "./sharing-steps.ts";

type BlockSizeInput = "512" | "4096" | "4K";

/** The keys of a drive, beside those of its step. */
export interface DriveInput extends DriveKeys {
  readonly drive: string;
}

/** How drives of a step are set up. */
export interface DriveKeys {
  readonly blockSize?: BlockSizeInput | undefined;
  readonly commandsIn?: NvmeDriverOptions["commandsIn"];
}

/** `ranges:` of an export. */
export interface RangeInput {
  readonly offset: number;
  readonly size: number;
}

/** `export:`. */
export interface ExportInput {
  readonly device: string;
  readonly bar?: number | undefined;
  readonly offset?: number | undefined;
  readonly size?: number | undefined;
  readonly ranges?: readonly RangeInput[] | undefined;
  readonly as: string;
}

/** `import:`. */
export interface ImportInput {
  readonly buffer: string;
  readonly nic: string;
  readonly mode?: RdmaMode | undefined;
  readonly as: string;
}

/** One direction and its size. */
export interface DirectionInput {
  readonly read?: number | undefined;
  readonly write?: number | undefined;
}

/** `rdma:`. */
export interface RdmaInput extends DirectionInput {
  readonly region: string;
  readonly offset?: number | undefined;
  readonly count?: number | undefined;
}

/** `during:` of a change: messages to a region, or I/O of a drive in memory of a process. */
export interface DuringInput extends DirectionInput, DriveKeys {
  readonly region?: string | undefined;
  readonly memory?: string | undefined;
  readonly drive?: string | undefined;
  readonly block?: number | undefined;
  readonly offset?: number | undefined;
  readonly after?: number | undefined;
}

/** `reset:`, `revoke:` and `restore:`; a bare word is the device. */
export interface ChangeInput {
  readonly device: string;
  readonly by?: RevokeWay | undefined;
  readonly during?: DuringInput | undefined;
}

/** `guest:`. */
export interface GuestInput {
  readonly name: string;
  readonly devices?: readonly string[] | undefined;
  readonly ram?: number | undefined;
  readonly maps?: readonly { readonly buffer: string; readonly at: number }[] | undefined;
}

/** `dma:`. */
export interface GuestDmaInput extends DirectionInput {
  readonly guest: string;
  readonly device: string;
  readonly at: number;
  readonly count?: number | undefined;
}

/** `mmap:`. */
export interface MmapInput {
  readonly device: string;
  readonly size: number;
  readonly as: string;
}

/** `directIo:`. */
export interface DirectIoInput extends DirectionInput, DriveInput {
  readonly memory: string;
  readonly offset?: number | undefined;
  readonly count?: number | undefined;
  readonly block?: number | undefined;
}

/** The keys of steps that share memory. */
export interface SharingInput {
  readonly export?: ExportInput | undefined;
  readonly import?: ImportInput | undefined;
  readonly rdma?: RdmaInput | undefined;
  readonly reset?: ChangeInput | undefined;
  readonly revoke?: ChangeInput | undefined;
  readonly restore?: ChangeInput | undefined;
  readonly guest?: GuestInput | undefined;
  readonly dma?: GuestDmaInput | undefined;
  readonly mmap?: MmapInput | undefined;
  readonly directIo?: DirectIoInput | undefined;
}
