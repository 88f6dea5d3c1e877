import type { BusAddr, PhysAddr } from "../pci/addresses.ts";
import type { Bdf } from "../pci/bdf.ts";
import { buildTopology } from "../pci/build-topology.ts";
import type { Place } from "../pci/error.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known, type Unknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import type { Address } from "./addresses.ts";
import type { GuestOf } from "./hypervisor.ts";

/** The formats that Peerlane reads a machine from. */
export type SourceFormat =
  | "sysfs"
  | "archive"
  | "collected"
  | "lspci"
  | "scenario"
  | "snapshot"
  | "rdma-topo"
  | "hwloc"
  | "nccl";

/** An address window that a host bridge forwards, with what its bus side adds. */
export interface HostBridgeWindow {
  readonly kind: "io" | "memory";
  readonly physStart: PhysAddr;
  /** Where the same bytes lie on the bus: another number where the bridge adds an offset. */
  readonly busStart: Known<BusAddr>;
  readonly sizeBytes: number;
}

/** A host bridge, named by its root bus: two expander bridges in one segment are two. */
export interface HostBridge {
  /** Domain and bus of the root bus (`busKeyOf`). */
  readonly rootBus: number;
  readonly windows: Known<readonly HostBridgeWindow[]>;
  readonly numaNode: Known<number | null>;
}

/** The CPU, as `/proc/cpuinfo` names it. */
export interface Cpu {
  /** `x86_64`, `aarch64`, `ppc64le`, … */
  readonly architecture: Known<string>;
  /** `GenuineIntel`, `AuthenticAMD`, … ; `null` where the architecture has no such name. */
  readonly vendor: Known<string | null>;
  readonly family: Known<number | null>;
  readonly model: Known<number | null>;
  readonly name: Known<string | null>;
}

/** The running kernel. */
export interface Kernel {
  /** `uname -r`: `7.2.12+deb13-amd64`. */
  readonly release: Known<string>;
  readonly commandLine: Known<string>;
  /** Why there may be more on the line than `commandLine` has: a what-if put that behind a line that the source hides. */
  readonly moreOnCommandLine?: Unknown;
  /**
   * `CONFIG_…` symbols that matter here, `y`/`m`/value. One that is not set is absent; of those that older snapshots do
   * not look for it is `n` (`configSymbol` of system-files tells the two apart).
   */
  readonly config: Known<Readonly<Record<string, string>>>;
  /** Loaded modules that decide how drivers share memory, by name; absent where the source does not show modules. */
  readonly modules?: Readonly<Record<string, KernelModule>>;
}

/** A loaded kernel module, as `/sys/module` shows it. */
export interface KernelModule {
  /** `580.65.06`; `null` for a module without a version, as those of the kernel's own tree are. */
  readonly version: string | null;
  /** Parameters that matter here and that sysfs shows. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** What translates DMA addresses. `none` is an answer: the source shows that no IOMMU is in use. */
export type IommuKind = "none" | "intel" | "amd" | "arm-smmu" | "virtio" | "other";
/** How DMA domains are used by default. `off` goes with kind `none`. */
export type IommuMode = "off" | "passthrough" | "strict" | "lazy";

export interface Iommu {
  readonly kind: Known<IommuKind>;
  readonly mode: Known<IommuMode>;
  /** Type of each group's default domain as sysfs says it (`DMA`, `DMA-FQ`, `identity`), by group number. */
  readonly groupTypes: Known<ReadonlyMap<number, string>>;
}

/** Something a reader has to say once: what it could not see or what is odd, and the way out. */
export interface Note {
  readonly severity: "info" | "warning";
  readonly message: string;
  readonly remedy?: string;
  readonly place?: Place;
}

/** The machine that a guest runs on, by its own source. */
export interface GuestHost {
  readonly machine: Machine;
  /**
   * For each device of the guest that was passed through, the functions of the host that it may be: one where that is
   * known, several where they are alike, none where the host has nothing like it.
   */
  readonly candidates: ReadonlyMap<Bdf, readonly Bdf[]>;
}

/** An immutable description of one machine. Every reader yields one; everything else takes one. */
export interface Machine {
  readonly source: {
    readonly format: SourceFormat;
    readonly name: string;
    /** What a snapshot was made of: its functions are those that such a source shows. */
    readonly madeOf?: SourceFormat;
  };
  /** In ascending order of address, without duplicates. */
  readonly functions: readonly PciFunction[];
  /**
   * Why functions may be missing from `functions`, for sources that leave some out of the buses that they show (filters
   * of hwloc and NCCL); absent where the first function seen on a bus is the first one there.
   */
  readonly functionsMayBeMissing?: string;
  /** Only what the source lists; further root buses follow from the functions. */
  readonly hostBridges: Known<readonly HostBridge[]>;
  readonly cpu: Cpu;
  readonly kernel: Kernel;
  readonly iommu: Iommu;
  /**
   * The IOMMU groups that the kernel is predicted to have formed at its boot, by function, where ACS was written since and
   * the source does not show them: what is written to registers later leaves groups as they are.
   */
  readonly groupsAtBoot?: Known<ReadonlyMap<Bdf, number>>;
  /**
   * Where functions answer that a move gave another address than their name, or another bus below them; names stay what they
   * are on the machine as it is. Absent where all are as named.
   */
  readonly renumbered?: ReadonlyMap<Bdf, Address>;
  /** That the machine is a guest, where processor, firmware or kernel say so; its devices may show it too. */
  readonly guestOf?: GuestOf;
  /** What somebody who sees the host gave beside the guest's own source, which never shows it. */
  readonly host?: GuestHost;
  readonly notes: readonly Note[];
}

/** True for the IOMMU modes in which a DMA address is an IOVA. */
export function isTranslating(mode: string): boolean {
  return mode === "strict" || mode === "lazy";
}

/** What a machine was read from; of a snapshot what that was made of. */
export function originOf({ source }: Pick<Machine, "source">): SourceFormat {
  return source.madeOf ?? source.format;
}

/** True for a machine that somebody wrote down, and for a snapshot of it. */
export function isScenario(machine: Pick<Machine, "source">): boolean {
  return originOf(machine) === "scenario";
}

/** The topology of a machine, from its functions and the root buses that its source lists. */
export function topologyOf(machine: Machine): Topology {
  const roots = isUnknown(machine.hostBridges)
    ? machine.hostBridges
    : machine.hostBridges.map((bridge) => bridge.rootBus);
  return buildTopology(machine.functions, roots);
}
