import type { Acs } from "./acs.ts";
import type { Bar } from "./bar.ts";
import type { Bdf } from "./bdf.ts";
import type { BridgeRegisters } from "./bridge.ts";
import type { Capability } from "./capability.ts";
import type { PciExpress } from "./express.ts";
import { isUnknown, type Known } from "./known.ts";
import type { ResizableBar } from "./resizable-bar.ts";
import type { Sriov } from "./sriov.ts";

/** Peer memory that a driver registered, from the `p2pmem` folder of sysfs. Sizes in bytes. */
export interface P2pmem {
  readonly sizeBytes: number;
  readonly availableBytes: Known<number>;
  readonly published: Known<boolean>;
}

/** Where the operating system hangs a function in its tree, where a source shows that. */
export interface Attachment {
  /** The bridge directly above, or `null` on a root bus. */
  readonly upstream: Bdf | null;
  /** Domain and bus (`busKeyOf`) of the root bus below the host bridge. */
  readonly rootBus: number;
}

/**
 * One PCI function as a source shows it. Registers are as read, not interpreted; whatever the source hides is
 * {@link Unknown} with the reason.
 */
export interface PciFunction {
  readonly bdf: Bdf;
  readonly vendorId: Known<number>;
  readonly deviceId: Known<number>;
  /** The ids that share the name which the source gives in place of one; absent where it gives ids, or no name that is known. */
  readonly idsAmong?: readonly { readonly vendorId: number; readonly deviceId: number }[];
  readonly subsystem: Known<{ readonly vendorId: number; readonly deviceId: number } | null>;
  readonly revision: Known<number>;
  /** 24 bits: base class, subclass, programming interface (0x010802 is NVMe). */
  readonly classCode: Known<number>;
  /** Layout of the header: 0 endpoint, 1 PCI-to-PCI bridge, 2 CardBus bridge. */
  readonly headerType: Known<number>;
  readonly multifunction: Known<boolean>;
  /** The command register (bit 1 memory decode, bit 2 bus master). */
  readonly command: Known<number>;
  readonly bars: Known<readonly Bar[]>;
  /** Bus numbers and windows of a bridge, `null` where the header is no bridge's. */
  readonly bridge: Known<BridgeRegisters | null>;
  /** The PCI Express capability, `null` for a conventional device. */
  readonly express: Known<PciExpress | null>;
  readonly acs: Known<Acs | null>;
  readonly sriov: Known<Sriov | null>;
  readonly resizableBars: Known<readonly ResizableBar[]>;
  /** Every capability found, in the order of the lists, decoded where this package knows how. */
  readonly capabilities: Known<readonly Capability[]>;

  /** The names that the system's classes give (`nvme0`, `mlx5_0`, `eth0`, `card0`), most specific first. */
  readonly names: readonly string[];
  /** What the source calls the device, for people (`Samsung Electronics Co Ltd NVMe SSD Controller PM9A1`). */
  readonly label: string | null;
  readonly driver: Known<string | null>;
  readonly numaNode: Known<number | null>;
  readonly iommuGroup: Known<number | null>;
  readonly p2pmem: Known<P2pmem | null>;
  /** The physical function of a virtual function, else `null`. */
  readonly physicalFunction: Known<Bdf | null>;
  readonly attachment: Known<Attachment>;
  /**
   * The function that the source draws this one below, `null` at the top of its drawing, where that is not the system's
   * own tree (NCCL leaves levels out). For people only, no rule may look at it; absent where `attachment` says it all.
   */
  readonly drawnBelow?: Bdf | null;
  /** Address bits that the driver told the DMA API (`dma_mask_bits`). */
  readonly dmaMaskBits: Known<number>;
}

/** The memory BARs of a function, without the expansion ROM; `undefined` when the source hides them. */
export function memoryBars(fn: PciFunction): readonly Bar[] | undefined {
  return isUnknown(fn.bars) ? undefined : fn.bars.filter((bar) => bar.kind === "memory" && bar.index < 6);
}
