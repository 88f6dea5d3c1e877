import type { PhysAddr } from "../pci/addresses.ts";
import type { Provider } from "./provider.ts";

/** What a page stands for: RAM, or one of the kinds of device memory (`enum memory_type`, Linux 7.2). */
export type PageKind = "ram" | "peer" | "private" | "coherent" | "persistent";

/** What mapping asks about physical addresses: address → page → pagemap → provider. */
export interface PageLookup {
  /** Kind of the page at an address, `null` where no page is (a hole, or a BAR without struct pages). */
  kindAt(phys: PhysAddr): PageKind | null;
  /** The provider of a peer page, `null` for every other kind and for no page at all. */
  providerAt(phys: PhysAddr): Provider | null;
  /**
   * True where all pages of a range are of one kind and, peer pages, of one provider: what stands in one entry of a list
   * (`zone_device_pages_have_same_pgmap`, Linux 7.2).
   */
  isOneMemory(start: PhysAddr, sizeBytes: number): boolean;
}
