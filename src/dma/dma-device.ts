import type { Provider } from "../memory/provider.ts";
import type { Bdf } from "../pci/bdf.ts";

/** Which way data goes: `to-device` the device reads memory, `from-device` it writes memory. */
export type DmaDirection = "to-device" | "from-device" | "bidirectional";

/** What the rules say of a provider and a client, without `unknown`: the model decides only what is known. */
export type PeerMapType = "bus-addr" | "thru-host-bridge" | "not-supported";

/** The rules, as the DMA API asks them (`pci_p2pdma_map_type`). */
export type DecidePeer = (provider: Provider, client: Bdf) => PeerMapType;

/** A device for which memory is mapped: the requester of the TLPs. */
export interface DmaDevice {
  readonly bdf: Bdf;
  /** Address bits that it can issue (`dma_mask`): 32, 64, … */
  readonly maskBits: number;
  /** Bus address − CPU physical address of RAM as this device's host bridge shows it; 0 on every PC. */
  readonly ramBusOffset: number;
}
