import type { DmaDirection } from "../dma/dma-device.ts";
import type { DmaFailure, DmaResult } from "../dma/dma-error.ts";
import type { Scatterlist } from "../dma/scatterlist.ts";
import type { Provider } from "../memory/provider.ts";
import type { LabWorld } from "./world.ts";

/** The designs of the lab itself, by name: those of the letters in the order of the years, then what platforms and drivers do. */
export const DESIGN_IDS = [
  "pfn-t",
  "raw-bar",
  "sg-has-p2p",
  "sg-has-p2p-flag",
  "stacked-ops",
  "helper-in-loop",
  "special-pages",
  "page-less-dma",
  "page-less-side-object",
  "dma-map-resource",
  "dma-map-p2p",
  "provider-ranges",
  "no-offsets",
  "stores-only",
  "ask-then-map-resource",
  "bus-address-unasked",
] as const;

/** One of {@link DESIGN_IDS}. */
export type DesignId = (typeof DESIGN_IDS)[number];

/** Where a design was put forward, or argued about. */
export interface Origin {
  readonly who: string;
  /** As `2017-04-18`; a month or year where no day is known. */
  readonly date: string;
  /** What it is: a mail, a patch series, a kernel release. */
  readonly what: string;
  /** A public link: to the message itself, else to its thread. */
  readonly link: string;
}

/**
 * What happens before the list gets to the mapping layer: memory is chosen for the devices in use, the driver that
 * orchestrates submits, an importer attaches, or nothing but building the list.
 */
export type Preparation = "allocation" | "submission" | "attach" | "building";

/**
 * A way to get from memory of a list to addresses that a device can use. One of your own goes beside those of the lab
 * wherever these do.
 */
export interface MappingDesign {
  /** One of {@link DESIGN_IDS}; of a design of your own another: lower-case letters, digits and dashes. */
  readonly id: string;
  readonly title: string;
  readonly origins: readonly Origin[];
  /** What it does, in sentences of ours. */
  readonly idea: string;
  readonly preparation: Preparation;
  /** Whether peer memory has struct pages (64 bytes for each 4 KiB). */
  readonly hasPeerPages: boolean;
  /** A list is mapped for what the device does with it, reads and writes apart; else for both at once. */
  readonly mapsByDirection?: boolean;
  /** The design at work for one device of a machine. */
  open(world: LabWorld): DesignMapper;
}

/** A design at work. It is given one list at a time: built, prepared, mapped, unmapped, released. */
export interface DesignMapper {
  /**
   * What is done with each segment as it is put into the list, by whoever does that anyway: no pass of its own. `owners` says
   * whose memory each is, as its allocator knows; `null` for RAM.
   */
  build?(list: Scatterlist, owners: readonly (Provider | null)[]): void;
  /** Does what {@link Preparation} says; a refusal leaves nothing behind. */
  prepare(list: Scatterlist): DmaFailure | null;
  /** Fills the DMA side; a refusal leaves nothing mapped, but for what {@link release} gives back. */
  map(list: Scatterlist, direction: DmaDirection): DmaResult<number>;
  /** Undoes {@link map}. */
  unmap(list: Scatterlist, direction: DmaDirection): void;
  /** Undoes {@link prepare}. */
  release(): void;
}
