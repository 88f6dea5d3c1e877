import type { Bdf } from "../../pci/bdf.ts";
import type { Place } from "../../pci/error.ts";

/** Attributes of an element, as the file has them. */
export type Attributes = Readonly<Record<string, string | undefined>>;

/** A `<pci>` with an address: a GPU, a NIC or a switch. */
export interface PciObject {
  readonly bdf: Bdf;
  readonly place: Place;
  readonly attributes: Attributes;
  /** The `<pci>` that this one is drawn in. */
  readonly above: PciObject | null;
  readonly cpu: CpuObject | null;
  /** Names of the `<net>` inside. */
  readonly netNames: string[];
}

/** A `<cpu>`: what NCCL calls so is a NUMA node. */
export interface CpuObject {
  readonly attributes: Attributes;
  readonly place: Place;
}

/** All that a file shows. */
export interface NcclObjects {
  readonly functions: readonly PciObject[];
  readonly cpus: readonly CpuObject[];
  /** Each `<pci>` whose `busid` is no address of a function. */
  readonly nameless: readonly { readonly busId: string; readonly place: Place }[];
}
