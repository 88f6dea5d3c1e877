import { HARDWARE_DEFAULTS, type HardwareSettings } from "../../fabric/options.ts";

/** The kinds of machine of the lab itself, by name. */
export const CLASS_IDS = [
  "one-switch",
  "acs-redirect",
  "acs-no-forwarding",
  "root-ports",
  "closed-root-complex",
  "two-host-bridges",
  "bus-offset",
  "bus-offset-negative",
  "bus-offset-root-ports",
  "no-iommu",
  "iommu-strict",
  "iommu-lazy",
  "iommu-passthrough",
  "acs-redirect-iommu",
  "iommu-closed-root",
  "bus-offset-iommu",
  "power-like",
  "writes-only",
  "mask-32",
  "guest",
  "other-device",
  "emulated-switch",
  "linear-map",
] as const;

/** One of {@link CLASS_IDS}. */
export type ClassId = (typeof CLASS_IDS)[number];

/** Where a peer is, seen from the client. */
export type PairPlace = "near" | "far";

/**
 * A kind of machine: a scenario with two owners of peer memory (`peerA`, `peerB`: BAR 0 of 64 MiB at least), who issues
 * the DMA (`client`), and what config space does not say. One of your own goes beside those of the lab wherever these do.
 */
export interface MachineClass extends Pick<HardwareSettings, "rootComplex" | "switchForwarding"> {
  /** One of {@link CLASS_IDS}; of a class of your own another: lower-case letters, digits and dashes. */
  readonly id: string;
  readonly title: string;
  /** What is special, in a sentence. */
  readonly words: string;
  /** YAML, as `peerlane tree` reads it. */
  readonly scenario: string;
  /** The designs run in the kernel of a guest that the three devices are assigned to. */
  readonly isGuest: boolean;
  /** The request was made for the device named `planned`, and another one, `client`, issues it. */
  readonly hasOtherClient: boolean;
  /** RAM of the lists lies above 4 GiB. */
  readonly hasHighRam: boolean;
  /** Whether a bridge is above `peerA` and the client, and above `peerB` and the client: near, or far. */
  readonly pairs: readonly [PairPlace, PairPlace];
  /** The end of the architecture's linear map, beyond which there can be no struct pages; `null`: it holds everything. */
  readonly linearMapEnd: number | null;
}

/** A machine with nothing special beside its scenario. */
export const PLAIN_MACHINE: Pick<
  MachineClass,
  "rootComplex" | "switchForwarding" | "isGuest" | "hasOtherClient" | "hasHighRam" | "pairs" | "linearMapEnd"
> = {
  rootComplex: HARDWARE_DEFAULTS.rootComplex,
  switchForwarding: HARDWARE_DEFAULTS.switchForwarding,
  isGuest: false,
  hasOtherClient: false,
  hasHighRam: false,
  pairs: ["near", "near"],
  linearMapEnd: null,
};
