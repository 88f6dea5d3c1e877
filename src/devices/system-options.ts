import type { FabricOptions, RootComplexPolicy } from "../fabric/options.ts";
import type { Device } from "../host/select.ts";
import type { IommuOptions } from "../iommu/units.ts";
import type { Bdf } from "../pci/bdf.ts";

/** A back end of the DMA API; `refusing` is one that takes no peer memory. */
export type Backend = "direct" | "swiotlb" | "iommu" | "refusing";

/** Whether a device learns that a read of its own failed, or takes what came (zeros) for the data. */
export type FailedReads = "reported" | "unnoticed";

/** A BAR, or a part of it, to be made peer memory with struct pages, beside what the machine shows. */
export interface PeerMemoryRequest {
  readonly fn: Device;
  readonly bar: number;
  /** From the BAR's start, page granular; 0 unless told. */
  readonly offset?: number;
  /** To the BAR's end unless told. */
  readonly sizeBytes?: number;
}

/** How the model of a machine is put together; what is absent is taken from the machine or its documented facts. */
export interface SystemOptions {
  /** RAM in bytes, as no source shows where it lies; 1 GiB unless told. */
  readonly ramBytes?: number;
  /** From the platform's documented facts unless told, and `forward` where they are silent. */
  readonly rootComplex?: RootComplexPolicy;
  /** From the platform's documented facts unless told, and `per-spec` where they are silent. */
  readonly switchForwarding?: "per-spec" | "always-upstream";
  /** `unnoticed` where switches always forward upstream, unless told; else `reported`. */
  readonly failedReads?: FailedReads;
  /** As the kernel would choose unless told, for all devices or one by one (`undefined`: as the kernel). */
  readonly backend?: Backend | ((fn: Bdf) => Backend | undefined);
  /** Address bits of devices whose driver's mask is not shown, or that differ from it. */
  readonly dmaMaskBits?: ReadonlyMap<Device, number>;
  /** A release (`6.12`) whose rules to use instead of the machine's. */
  readonly rules?: string;
  readonly peerMemory?: readonly PeerMemoryRequest[];
  readonly iommu?: IommuOptions;
  /** Bus address − CPU physical address of RAM for the host bridge of a root bus (`busKeyOf`); 0 unless told. */
  readonly ramBusOffset?: (rootBus: number) => number;
  /** What else the fabric can be told. */
  readonly fabric?: Omit<FabricOptions, "translator" | "ram" | "ramBusOffset" | "rootComplex" | "switchForwarding">;
}

/** Something that the machine's description leaves open, and how the model decided it. */
export interface SystemChoice {
  readonly what:
    | "root-complex"
    | "switch-forwarding"
    | "upstream-forwarding"
    | "egress-control"
    | "failed-reads"
    | "dma-mask"
    | "peer-memory";
  readonly value: string;
  /** For people: which fact or option decided, or that it is an assumption. */
  readonly why: string;
}
