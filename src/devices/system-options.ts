import type { DmaDevice } from "../dma/dma-device.ts";
import type { DmaOps } from "../dma/dma-ops.ts";
import type { DmaDomains } from "../dma/iova-state.ts";
import type { MappingContext } from "../dma/peer-segments.ts";
import type { FabricOptions } from "../fabric/options.ts";
import type { Device } from "../host/select.ts";
import type { IommuOptions } from "../iommu/units.ts";
import type { ByteStore } from "../memory/bytes.ts";
import type { EnableP2pOptions } from "../memory/enable-p2p.ts";
import type { PagePool } from "../memory/page-pool.ts";
import type { Bdf } from "../pci/bdf.ts";

/**
 * The model's back ends of the DMA API; `refusing` is one that takes no peer memory, `stores-only` one that asks what is
 * documented of the platform, each direction by itself, where the rules refuse.
 */
export const BACKENDS = ["direct", "swiotlb", "iommu", "refusing", "stores-only"] as const;

/** One of {@link BACKENDS}. */
export type BackendName = (typeof BACKENDS)[number];

/** What a back end of one's own may be made of: those of the model among it, to go by them in part. */
export interface BackendParts extends Required<MappingContext> {
  readonly domains: DmaDomains;
  readonly ram: PagePool;
  /** The bytes of RAM. */
  readonly dram: ByteStore;
  /** A back end of the model. Bounce buffers are where the kernel would have some: {@link asKernel}. */
  named(name: Exclude<BackendName, "swiotlb">): DmaOps;
  /** What the kernel would choose for a device. */
  asKernel(device: DmaDevice): DmaOps;
}

/** A back end of one's own, opened once for each system. */
export interface OwnBackend {
  /** None of {@link BACKENDS}. */
  readonly name: string;
  open(parts: BackendParts): DmaOps;
}

/** What maps memory for a device: by name, or one's own. */
export type Backend = BackendName | OwnBackend;

/** Whether a device learns that a read of its own failed, or takes what came (zeros) for the data. */
export const FAILED_READS = ["reported", "unnoticed"] as const;

/** One of {@link FAILED_READS}. */
export type FailedReads = (typeof FAILED_READS)[number];

/** A BAR, or a part of it, to be made peer memory with struct pages, beside what the machine shows. */
export interface PeerMemoryRequest extends Pick<EnableP2pOptions, "offset" | "sizeBytes"> {
  readonly fn: Device;
  readonly bar: number;
}

/**
 * How the model of a machine is put together: all that can be set, with what holds unless it is. What is absent is taken
 * from the machine or its documented facts. The settings of the hardware are the fabric's own.
 */
export interface SystemOptions extends Omit<FabricOptions, "translator" | "ram"> {
  /** RAM in bytes, as no source shows where it lies; 1 GiB unless told. */
  readonly ramBytes?: number;
  /** `unnoticed` where switches always forward upstream, unless told; else `reported`. */
  readonly failedReads?: FailedReads;
  /** As the kernel would choose unless told, for all devices or one by one (`undefined`: as the kernel). */
  readonly backend?: Backend | ((fn: Bdf) => Backend | undefined);
  /** Address bits of devices whose driver's mask is not shown (64 are assumed), or that differ from it. */
  readonly dmaMaskBits?: ReadonlyMap<Device, number>;
  /** A release (`6.12`) whose rules to use instead of the machine's. */
  readonly rules?: string;
  readonly peerMemory?: readonly PeerMemoryRequest[];
  /**
   * The end of the architecture's linear map, a physical address: peer memory that does not lie before it gets no struct
   * pages, and is no pool; what needs none (dma-bufs of VFIO) goes on. All of memory is before it unless told.
   */
  readonly linearMapEnd?: number;
  readonly iommu?: IommuOptions;
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
