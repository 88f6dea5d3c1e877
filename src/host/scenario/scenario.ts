import type { Place } from "../../pci/error.ts";
import type { LinkState } from "../../pci/express.ts";
import type { IommuMode } from "../machine.ts";
import type { CpuPreset } from "./cpu-presets.ts";

/** Vendor and device id. */
export interface PciIds {
  readonly vendorId: number;
  readonly deviceId: number;
}

/** ACS of a function: what its capability register offers, and its control register before the kernel touches it. */
export interface ScenarioAcs {
  readonly capability: number;
  /** The control register as firmware leaves it; `null`: the hardware's default of 0. */
  readonly control: number | null;
}

/** What every function of a scenario has. */
export interface ScenarioFunctionBase {
  /** Device number on its bus. */
  readonly device: number;
  readonly function: number;
  /** True when its device has further functions in the scenario (bit 7 of the header type of function 0). */
  readonly multifunction: boolean;
  /** `null`: not stated, so that it is hardware of no vendor. */
  readonly id: PciIds | null;
  /** Name given in the scenario, unique in it, else `null`. */
  readonly name: string | null;
  readonly numaNode: number | null;
  /** Overrides the IOMMU group that a kernel would form; `null`: not stated. */
  readonly iommuGroup: number | null;
  /** MaxPayload, its own or that of the port above, in bytes; `null`: not stated. */
  readonly maxPayloadBytes: number | null;
  /** MaxReadReq in bytes; `null`: not stated. */
  readonly maxReadRequestBytes: number | null;
  /** `null`: no ACS capability. */
  readonly acs: ScenarioAcs | null;
  /** Where the scenario file writes it. */
  readonly place: Place;
}

/** What a link can do and what it negotiated. A port left without one takes that of what is below it. */
export interface ScenarioLink {
  readonly negotiated: LinkState;
  readonly capable: LinkState;
}

/** A root port: one link below, so `below` holds the functions of one device. */
export interface RootPortNode extends ScenarioFunctionBase {
  readonly kind: "root-port";
  readonly link: ScenarioLink | null;
  readonly below: readonly ScenarioNode[];
}

/** A switch: this function is its upstream port; its downstream ports are on the bus below. */
export interface SwitchNode extends ScenarioFunctionBase {
  readonly kind: "switch";
  readonly link: ScenarioLink | null;
  readonly ports: readonly DownstreamPortNode[];
}

/** A downstream port of a switch: one link below, so `below` holds the functions of one device. */
export interface DownstreamPortNode extends ScenarioFunctionBase {
  readonly kind: "downstream-port";
  readonly link: ScenarioLink | null;
  readonly below: readonly ScenarioNode[];
}

/** A PCIe-to-PCI bridge (on a PCIe bus) or a PCI-to-PCI bridge (on a conventional one); conventional below. */
export interface BridgeNode extends ScenarioFunctionBase {
  readonly kind: "pcie-to-pci-bridge" | "pci-bridge";
  readonly link: ScenarioLink | null;
  readonly below: readonly ScenarioNode[];
}

/** What an endpoint is. `device` is anything else, by its class. */
export type EndpointKind = "nvme" | "nic" | "gpu" | "accel" | "device";

/** A base address register that an endpoint implements. */
export interface ScenarioBar {
  /** 0 to 5. */
  readonly index: number;
  readonly kind: "memory" | "io";
  readonly is64Bit: boolean;
  readonly prefetchable: boolean;
  /** A power of two. */
  readonly sizeBytes: number;
  /** Sizes that the Resizable BAR capability offers, ascending, `null` where the BAR is not resizable. */
  readonly resizableBytes: readonly number[] | null;
}

/** What a device sits on: a root bus, the far end of a PCIe link, or a conventional PCI bus. */
export type BusKind = "root" | "link" | "conventional";

/** An endpoint; integrated (root complex endpoint) when it sits on a root bus, conventional below a bridge. */
export interface EndpointNode extends ScenarioFunctionBase {
  readonly kind: "endpoint";
  readonly endpoint: EndpointKind;
  /** What it sits on: integrated endpoints on a root bus and conventional devices have no link. */
  readonly bus: BusKind;
  /** 24 bits. */
  readonly classCode: number;
  readonly bars: readonly ScenarioBar[];
  /** Size of an NVMe controller's memory buffer, `null` for none. It is BAR 2 in `bars`. */
  readonly cmbBytes: number | null;
  readonly driver: string | null;
  readonly sriov: { readonly totalVfs: number; readonly numVfs: number } | null;
  /** Has the Address Translation Service capability. */
  readonly ats: boolean;
  /** Address bits that its driver uses, `null`: not stated. */
  readonly dmaMaskBits: number | null;
  readonly link: ScenarioLink | null;
}

/** One PCI function of a scenario with what is below it; told apart by `kind`. */
export type ScenarioNode = RootPortNode | SwitchNode | BridgeNode | EndpointNode;

/** A host bridge with its root bus. */
export interface ScenarioHostBridge {
  readonly segment: number;
  /** Number of the root bus. */
  readonly bus: number;
  /** Bus address minus CPU physical address in its memory windows. */
  readonly busOffset: number;
  /** There is a function at 00.0 of the root bus that stands for the host bridge (below an expander bridge there is none). */
  readonly hasFunction: boolean;
  /** Ids of that function; `null`: not stated, or there is none. */
  readonly id: PciIds | null;
  readonly numaNode: number | null;
  readonly below: readonly ScenarioNode[];
  readonly place: Place;
}

/** The CPU of a scenario. `null`: not stated, or (vendor, family, model of an `arm`) nothing that the architecture has. */
export interface ScenarioCpu {
  /** The name of the preset, `null` for one described by its fields. */
  readonly preset: CpuPreset | null;
  readonly architecture: string | null;
  readonly vendor: string | null;
  readonly family: number | null;
  readonly model: number | null;
  readonly name: string | null;
}

/** The IOMMU of a scenario. `kind` is `null` where the scenario leaves it open and names no CPU. */
export interface ScenarioIommu {
  readonly mode: IommuMode;
  readonly kind: "none" | "intel" | "amd" | "arm-smmu" | null;
}

/** A machine written by hand, checked and with every default filled in. `null`: the scenario does not say. */
export interface Scenario {
  readonly name: string;
  readonly file: string;
  readonly cpu: ScenarioCpu | null;
  /** Kernel release. */
  readonly kernel: string | null;
  readonly iommu: ScenarioIommu | null;
  /** Kernel parameters beside those that `iommu` implies; may be empty. */
  readonly commandLine: string;
  readonly hostBridges: readonly ScenarioHostBridge[];
}
