import type { DmaDevice } from "../dma/dma-device.ts";
import type { Fabric } from "../fabric/fabric.ts";
import type { ByteStore } from "../memory/bytes.ts";
import type { Provider } from "../memory/provider.ts";
import type { PhysAddr, PhysRange } from "../pci/addresses.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { MachineClass } from "./machines/machine-class.ts";
import type { OwnerPlace, SpareMemory } from "./spare-memory.ts";
import type { LabWorld } from "./world.ts";

/** Peer memory that lists take their segments from. */
export interface LabPeer {
  readonly provider: Provider;
  /** As the designs' kernel sees it. */
  readonly range: PhysRange;
}

/** A machine of a class, put together for one design. */
export interface LabMachine {
  readonly kind: MachineClass;
  readonly world: LabWorld;
  /** The hardware, of the host where the class is a guest. */
  readonly fabric: Fabric;
  /** Who issues, by its address in the fabric. */
  readonly requester: Bdf;
  readonly device: DmaDevice;
  readonly ram: PhysRange;
  readonly peers: readonly [LabPeer, LabPeer];
  /** Struct pages of the peer memory, in bytes. */
  readonly structPageBytes: number;
  /** Why peer memory has no struct pages though the design wants some; `null` where it has, or none are wanted. */
  readonly whyNoPages: string | null;
  /** RAM that is taken instead of peer memory. */
  readonly spare: SpareMemory;
  placeOf(phys: PhysAddr): OwnerPlace;
  /** All bytes of the machine that something may be written to, but for bounce buffers. */
  readonly stores: readonly { readonly store: ByteStore; readonly owner: Bdf | null }[];
  /** Physical addresses of the host that bounce buffers take. */
  readonly bounceRanges: readonly PhysRange[];
  /** Mappings, IOVA space and bounce buffers in use, as a text that is the same when they are the same. */
  leftovers(): string;
}

/** Bytes of each of the three memories that lists take segments from. */
export const LAB_MEMORY_BYTES: number = 2 ** 26;
/** RAM to take instead of peer memory: the longest list. */
export const SPARE_BYTES: number = 2 ** 24;
