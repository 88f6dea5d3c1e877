import type { BackendName, PeerMemoryRequest, SystemOptions } from "../../devices/system-options.ts";
import type { HardwareSettings } from "../../fabric/options.ts";
import type { Machine } from "../../host/machine.ts";
import type { Place } from "../../pci/error.ts";
import type { GpuReadWay } from "../gpu-read.ts";
import type { SharingStep } from "./sharing-steps.ts";
import type { DeviceName, DriveSetup, StepBase } from "./step-base.ts";

/** Whose peer memory a step uses: what the kernel would choose, none but RAM, or a device's. */
export type ProviderName = "auto" | "off" | DeviceName;

/** Where a copy starts or ends: blocks of a drive, or memory in a BAR. */
export interface CopyPlace {
  readonly device: DeviceName;
  /** `null`: blocks of an NVMe controller, the largest BAR of everything else. */
  readonly bar: number | null;
  /** Bytes from the start of the BAR or of the namespace. */
  readonly offset: number;
}

/** Device to device: `count` transfers of `sizeBytes`, one behind the other. */
export interface CopyStep extends StepBase {
  readonly kind: "copy";
  readonly from: CopyPlace;
  readonly to: CopyPlace;
  readonly sizeBytes: number;
  readonly count: number;
  /** Of the buffer between two drives. */
  readonly provider: ProviderName;
  /** Whose copy engine works between two memories; `from`'s where it is `null`. */
  readonly engine: DeviceName | null;
  readonly fallBackToRam: boolean;
  readonly blockBytes: DriveSetup["blockBytes"];
}

/** Reads or writes of hosts, one behind the other from `block` on. */
export interface TargetIo {
  readonly kind: "read" | "write";
  readonly sizeBytes: number;
  readonly count: number;
  readonly block: number;
}

/**
 * An NVMe-oF target with a namespace per drive: hosts connect through each NIC, then their I/O is dealt over namespaces and
 * queues. One I/O of each queue to each namespace is under way at one time.
 */
export interface TargetStep extends StepBase {
  readonly kind: "nvmeof";
  /** At least one. */
  readonly nics: readonly DeviceName[];
  /** At least one, all with blocks of one size. */
  readonly drives: readonly DriveSetup[];
  readonly provider: ProviderName;
  /** Hosts that connect through each NIC. */
  readonly queues: number;
  readonly seed: number;
  readonly io: readonly TargetIo[];
}

/** Blocks of a drive that go to a GPU. */
export interface GpuReadStep extends StepBase {
  readonly kind: "gpu-read";
  readonly gpu: DeviceName;
  readonly drive: DriveSetup;
  readonly sizeBytes: number;
  readonly count: number;
  readonly block: number;
  readonly way: GpuReadWay;
  readonly fallBackToRam: boolean;
}

/** One step of a workload. */
export type WorkloadStep = CopyStep | TargetStep | GpuReadStep | SharingStep;

/** A BAR, or a part of it, that is to be peer memory. */
export interface NamedPeerMemory extends Omit<PeerMemoryRequest, "fn"> {
  readonly device: DeviceName;
}

/** How the model is put together: {@link SystemOptions} with devices by name; what is absent is the model's own choice. */
export interface NamedSystemOptions
  extends Partial<HardwareSettings>,
    Pick<SystemOptions, "ramBytes" | "failedReads" | "rules" | "linearMapEnd"> {
  /** One for all host bridges. */
  readonly ramBusOffset?: number;
  /** For all devices, or one by one. */
  readonly backend: BackendName | readonly (readonly [DeviceName, BackendName])[];
  readonly dmaMaskBits: readonly (readonly [DeviceName, number])[];
  readonly peerMemory: readonly NamedPeerMemory[];
}

/** What a workload runs on: a source that is still to be read, or a scenario in the file itself (as firmware leaves it). */
export type WorkloadMachine =
  | { readonly kind: "source"; readonly path: string; readonly place: Place }
  | { readonly kind: "inline"; readonly machine: Machine };

/** A workload file. */
export interface Workload {
  readonly file: string;
  /** The file's own name for it, else the file's name. */
  readonly name: string;
  readonly machine: WorkloadMachine;
  readonly model: NamedSystemOptions;
  /** In the order of the file; at least one. */
  readonly steps: readonly WorkloadStep[];
}
