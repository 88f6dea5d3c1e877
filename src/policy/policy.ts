import type { Locality } from "../answers/locality.ts";
import type { IommuMode } from "../host/machine.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { DeviceKind } from "../pci/device-kind.ts";
import type { Place } from "../pci/error.ts";
import type { LinkState } from "../pci/express.ts";
import type { ReleaseRange } from "./release-range.ts";

/** What makes a function one of those that a rule is about. */
export type DeviceTest =
  /** Every device: no bridge, no host or ISA bridge; as a provider only with a memory BAR. */
  | { readonly kind: "all" }
  | { readonly kind: "class"; readonly class: DeviceKind }
  /** What a driver has registered peer memory of. */
  | { readonly kind: "p2pmem" }
  /** One of a class in enumeration order, from 0. */
  | { readonly kind: "nth"; readonly class: DeviceKind; readonly index: number }
  | { readonly kind: "name"; readonly name: string }
  /** Names and addresses by a shell's pattern; a class and `*` is the class where no name is so. */
  | { readonly kind: "pattern"; readonly pattern: string }
  /** Without a domain 0 is meant, and where it has none there, another. */
  | { readonly kind: "address"; readonly bdf: Bdf; readonly hasDomain: boolean }
  /** All functions of a device, by its bus and device number: `03:00`. */
  | { readonly kind: "device"; readonly text: string }
  | { readonly kind: "ids"; readonly vendorId: number; readonly deviceId: number }
  /** What is plugged into the slot with this number: below the nearest port above that has a slot. */
  | { readonly kind: "slot"; readonly number: number }
  /** From a function on a root bus down by device and function number (`devfn`), whatever the bus numbers are. */
  | { readonly kind: "path"; readonly start: Bdf; readonly below: readonly number[] };

/** One item of a rule's devices, `not` items take devices away. */
export interface Selector {
  /** As the policy has it, without `not`. */
  readonly text: string;
  readonly isExcluded: boolean;
  readonly test: DeviceTest;
}

/** The devices that a rule is about: the union of its items, or of `all`, less those with `not`. */
export interface Selection {
  /** As the policy has it: `gpu`, `nvme, not nvme0`. */
  readonly text: string;
  readonly selectors: readonly Selector[];
}

/** Which paths count: direct ones, or those through the host bridge as well. */
export type PathLevel = "direct" | "supported";

/** Which gates fail a required pair: those that block, any, or none. */
export type GateLevel = "blocking" | "none" | "ignore";

/**
 * What of a rule's devices may not be there without failing it: `nothing`; `classes`: what is named by a class or by ids,
 * as all of these may be none; `anything`: single devices as well, as of a rule with `optional: true`.
 */
export type Absence = "nothing" | "classes" | "anything";

/** What every rule has. */
interface RuleBase {
  /** Stable between runs, unique in its policy: `require/every-gpu-has-a-nic`. */
  readonly id: string;
  /** For people; unique in its policy. */
  readonly name: string;
  readonly place: Place;
}

/** The least that a pair must be predicted to carry of writes and of reads. */
export type BandwidthFloor =
  /** 10^9 data bytes per second. */
  | { readonly kind: "gbps"; readonly least: number }
  /** A part of what the pair would carry with all that holds it back away: above 0, at most 1. */
  | { readonly kind: "of-possible"; readonly least: number };

/** Pairs that must work. */
export interface RequireRule extends RuleBase {
  readonly kind: "require";
  readonly providers: Selection;
  readonly clients: Selection;
  /** Every pair; or for each provider (client) at least one client (provider). */
  readonly each: "pair" | "provider" | "client";
  /** With {@link isByPlace}, of no account. */
  readonly path: PathLevel;
  /** `path: any`: where the two are counts alone, whatever the kernel decides and whatever gates there are. */
  readonly isByPlace: boolean;
  readonly maxHops: number | null;
  /** No farther than this, by the words of `nvidia-smi topo`; `null`: anywhere. */
  readonly locality: Locality | null;
  /** `null`: whatever it carries. */
  readonly bandwidth: BandwidthFloor | null;
  readonly gates: GateLevel;
  readonly absence: Absence;
}

/** Pairs that must not work. */
export interface ForbidRule extends RuleBase {
  readonly kind: "forbid";
  readonly providers: Selection;
  readonly clients: Selection;
  /** A path of this level or better is forbidden. */
  readonly path: PathLevel;
  readonly absence: Absence;
}

/** Devices that must not share an IOMMU group, with each other or with `from`. */
export interface SeparateRule extends RuleBase {
  readonly kind: "separate";
  readonly devices: Selection;
  readonly from: Selection | null;
  readonly absence: Absence;
}

/** Devices that must share one IOMMU group. */
export interface TogetherRule extends RuleBase {
  readonly kind: "together";
  readonly devices: Selection;
  readonly absence: Absence;
}

/** The least that a link must have; `null` for a part of no account. */
export type LinkFloor = { readonly [K in keyof LinkState]: number | null };

/** Links that must be as fast as that, or as both of their ends can. */
export interface LinksRule extends RuleBase {
  readonly kind: "links";
  readonly devices: Selection;
  readonly atLeast: LinkFloor | "as-capable";
  /** Also the links of the switches above, up to the root complex. */
  readonly toRoot: boolean;
  /** What of a GPU at full width and less speed than both ends can, as idle GPUs have it. */
  readonly idle: "pass" | "fail";
  readonly absence: Absence;
}

/** Devices that must have a memory BAR of a size. */
export interface BarsRule extends RuleBase {
  readonly kind: "bars";
  readonly devices: Selection;
  /** In bytes. */
  readonly atLeast: number;
  readonly absence: Absence;
}

/** How many devices there must be. */
export interface CountRule extends RuleBase {
  readonly kind: "count";
  readonly devices: Selection;
  readonly least: number;
  /** `null`: any number. */
  readonly most: number | null;
}

/** One of what stands behind the `=` of a parameter, separated by `,`. */
export interface WantedOption {
  readonly name: string;
  /** What stands behind its own `=`, of a list of devices one by one; `null`: whatever stands there. */
  readonly entries: readonly string[] | null;
}

/** A kernel parameter that must stand on the command line, or must not. */
export interface WantedParameter {
  /** As the policy has it. */
  readonly text: string;
  readonly isForbidden: boolean;
  /** With underscores for dashes, which are the same to the kernel. */
  readonly name: string;
  /** What must be among the options behind the `=`; empty: whatever stands there. */
  readonly options: readonly WantedOption[];
}

/** What must be true of the machine itself. */
export type MachineFact =
  | { readonly fact: "kernel"; readonly range: ReleaseRange }
  | { readonly fact: "iommu"; readonly modes: readonly IommuMode[] }
  /** Whether the kernel is built with CONFIG_PCI_P2PDMA. */
  | { readonly fact: "p2pdma"; readonly isBuilt: boolean }
  | { readonly fact: "parameters"; readonly parameters: readonly WantedParameter[] };

/** A fact of the machine that must hold. */
export interface MachineRule extends RuleBase {
  readonly kind: "machine";
  readonly wanted: MachineFact;
}

/** One rule of a policy. */
export type PolicyRule =
  | RequireRule
  | ForbidRule
  | SeparateRule
  | TogetherRule
  | LinksRule
  | BarsRule
  | CountRule
  | MachineRule;

/** A policy: what pairs of devices must, and must not, be able to do. */
export interface Policy {
  readonly file: string;
  /** The policy's own name, `null` where it has none. */
  readonly name: string | null;
  /** In the order of the file; at least one. */
  readonly rules: readonly PolicyRule[];
}
