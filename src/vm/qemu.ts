import { DEFAULT_ACS_CAPABILITY } from "../host/scenario/defaults.ts";
import type {
  BridgeNode,
  DownstreamPortNode,
  EndpointNode,
  PciIds,
  Scenario,
  ScenarioNode,
  SwitchNode,
} from "../host/scenario/scenario.ts";
import { PeerlaneError, type Place } from "../pci/error.ts";
import { asQemuBuilds, BRIDGE_IDS, ENDPOINT_IDS } from "./qemu-ids.ts";

/** Ids that QEMU's root ports have; a scenario may ask for either. */
const ROOT_PORTS: Readonly<Record<string, string>> = { "1b36:000c": "pcie-root-port", "8086:3420": "ioh3420" };
const Q35_HOST_BRIDGE = "8086:29c0";
const CPUS: Readonly<Record<string, string>> = { "amd-zen": "EPYC", intel: "Skylake-Server" };
const DISK_BYTES = "64M";

/** An NVMe controller of the machine, in the scenario's order. */
export interface NvmeController {
  /** What the guest reads as its serial number, and the id of its drive. */
  readonly serial: string;
  /** Its name in the scenario, `null` where it has none. */
  readonly name: string | null;
}

/** What a scenario becomes: the devices of the command line, and the kernel's parameters. */
export interface QemuMachine {
  readonly arguments: readonly string[];
  readonly commandLine: string;
  readonly controllers: readonly NvmeController[];
}

/** What is behind a controller's namespace: the options of QEMU's `-drive`, without `if` and `id`. */
export type DriveOptions = (controller: NvmeController) => Readonly<Record<string, string>>;

/** Reads zeroes and forgets what is written: enough to see what the kernel decides. */
const withoutData: DriveOptions = () => ({ driver: "null-co", size: DISK_BYTES, "read-zeroes": "on" });

/**
 * The QEMU (7.2) machine of a scenario: a q35 board in software emulation. Refuses by name what QEMU cannot build.
 * MODEL: QEMU's VT-d stands in for whatever IOMMU the scenario names; its switch ports have no ACS.
 */
export function qemuMachine(written: Scenario, driveOptions: DriveOptions = withoutData): QemuMachine {
  const scenario = asQemuBuilds(written);
  const builder = new CommandLineBuilder(driveOptions);
  const preset = scenario.cpu?.preset ?? (scenario.cpu === null ? "amd-zen" : "");
  const cpu = CPUS[preset];
  if (cpu === undefined) throw refused("the machine boots as cpu: amd-zen or cpu: intel", { file: scenario.file });
  const mode = scenario.iommu?.mode ?? "off";
  // The IOMMU has to come first: devices made before it are outside of its scope.
  if (mode !== "off") builder.device("intel-iommu", { intremap: "off" });
  for (const bridge of scenario.hostBridges) builder.hostBridge(bridge);
  const parameters = [iommuParameters[mode], scenario.commandLine].filter((text) => text !== "").join(" ");
  return {
    arguments: ["-M", "q35,accel=tcg", "-cpu", cpu, ...builder.arguments],
    commandLine: parameters,
    controllers: builder.controllers,
  };
}

const iommuParameters = {
  off: "",
  strict: "intel_iommu=on iommu.strict=1",
  lazy: "intel_iommu=on iommu.strict=0",
  passthrough: "intel_iommu=on iommu=pt",
} as const;

function refused(message: string, place: Place): PeerlaneError {
  return new PeerlaneError("unsupported", `QEMU cannot build this: ${message}`, {
    place,
    remedy: "change the scenario, or use it without vm: matrix, tree and explain read it as it is",
  });
}

/** Refuses a bridge of another make than QEMU's. */
function hold(node: ScenarioNode | DownstreamPortNode, what: string, made: PciIds): void {
  if (idText(node.id) !== idText(made))
    throw refused(`its ${what} is ${idText(made)}, not ${idText(node.id)}`, node.place);
}

type Properties = Readonly<Record<string, string | number>>;

class CommandLineBuilder {
  readonly arguments: string[] = [];
  readonly controllers: NvmeController[] = [];
  readonly #driveOptions: DriveOptions;
  #counter = 0;

  constructor(driveOptions: DriveOptions) {
    this.#driveOptions = driveOptions;
  }

  device(driver: string, properties: Properties): void {
    this.arguments.push("-device", [driver, ...listProperties(properties)].join(","));
  }

  #unique(prefix: string): string {
    return `${prefix}${++this.#counter}`;
  }

  hostBridge(bridge: Scenario["hostBridges"][number]): void {
    if (bridge.segment !== 0) throw refused("q35 has one segment", bridge.place);
    if (bridge.busOffset !== 0) throw refused("q35's bus addresses are CPU addresses (busOffset: 0)", bridge.place);
    let bus = "pcie.0";
    const id = bridge.id === null ? null : idText(bridge.id);
    if (bridge.bus === 0 && id !== Q35_HOST_BRIDGE)
      throw refused(`its host bridge is ${Q35_HOST_BRIDGE}, not ${id}`, bridge.place);
    if (bridge.bus !== 0) {
      if (id !== null) throw refused("its expander bridges have no device at 00.0 (id: none)", bridge.place);
      bus = this.#unique("host");
      this.device("pxb-pcie", { id: bus, bus: "pcie.0", bus_nr: bridge.bus });
    }
    const integrated = bridge.below.find((node) => node.kind === "endpoint");
    if (bridge.bus !== 0 && integrated !== undefined)
      throw refused(
        "on the root bus of its expander bridges sit bridges only: put a root port above",
        integrated.place,
      );
    this.#nodes(bus, bridge.below);
  }

  #nodes(bus: string, nodes: readonly ScenarioNode[]): void {
    for (const node of nodes) this.#node(bus, node);
  }

  #address(node: { device: number; function: number; multifunction: boolean }): Properties {
    const addr = `${node.device.toString(16).padStart(2, "0")}.${node.function}`;
    return node.multifunction ? { addr, multifunction: "on" } : { addr };
  }

  #node(bus: string, node: ScenarioNode): void {
    switch (node.kind) {
      case "root-port":
        this.#rootPort(bus, node);
        break;
      case "switch":
        this.#switch(bus, node);
        break;
      case "pcie-to-pci-bridge":
      case "pci-bridge":
        this.#conventional(bus, node);
        break;
      case "endpoint":
        this.#endpoint(bus, node, false);
        break;
    }
  }

  #rootPort(bus: string, node: Extract<ScenarioNode, { kind: "root-port" }>): void {
    const ids = idText(node.id);
    const driver = ROOT_PORTS[ids];
    if (driver === undefined)
      throw refused(`its root ports are ${Object.keys(ROOT_PORTS).join(" and ")}, not ${ids}`, node.place);
    const id = this.#unique("port");
    const number = this.#counter;
    if (node.acs !== null && driver === "ioh3420")
      throw refused("its Intel root port has no ACS (acs: false)", node.place);
    if (node.acs !== null && (node.acs.capability !== DEFAULT_ACS_CAPABILITY || (node.acs.control ?? 0) !== 0))
      throw refused("its root ports have all of ACS, and firmware leaves it off (acs: true)", node.place);
    const acs: Properties = node.acs === null && driver !== "ioh3420" ? { "disable-acs": "on" } : {};
    this.device(driver, { id, bus, chassis: number, slot: number, ...this.#address(node), ...acs });
    this.#nodes(id, node.below);
  }

  #switch(bus: string, node: SwitchNode): void {
    const id = this.#unique("up");
    if (node.acs !== null) throw refused("its switches have no ACS (acs: false)", node.place);
    hold(node, "switch", BRIDGE_IDS.switch);
    this.device("x3130-upstream", { id, bus, ...this.#address(node) });
    for (const port of node.ports) this.#downstreamPort(id, port);
  }

  #downstreamPort(bus: string, port: DownstreamPortNode): void {
    if (port.acs !== null) throw refused("the ports of its switches have no ACS (acs: false)", port.place);
    hold(port, "switch port", BRIDGE_IDS.port);
    const id = this.#unique("down");
    const number = this.#counter;
    this.device("xio3130-downstream", { id, bus, chassis: number, slot: number, ...this.#address(port) });
    this.#nodes(id, port.below);
  }

  #conventional(bus: string, node: BridgeNode): void {
    const id = this.#unique("bridge");
    const driver = node.kind === "pcie-to-pci-bridge" ? "pcie-pci-bridge" : "pci-bridge";
    hold(node, "bridge", node.kind === "pcie-to-pci-bridge" ? BRIDGE_IDS.pcieToPci : BRIDGE_IDS.pciToPci);
    const chassis: Properties = node.kind === "pci-bridge" ? { chassis_nr: this.#counter } : {};
    this.device(driver, { id, bus, ...this.#address(node), ...chassis });
    for (const below of node.below) {
      if (below.kind === "endpoint") this.#endpoint(id, below, true);
      else this.#node(id, below);
    }
  }

  #endpoint(bus: string, node: EndpointNode, conventional: boolean): void {
    if (node.acs !== null) throw refused("its endpoints have no ACS", node.place);
    if (node.sriov !== null) throw refused("virtual functions are not set up in the guest", node.place);
    const made = idText(
      node.endpoint === "nic" ? (conventional ? ENDPOINT_IDS.conventionalNic : ENDPOINT_IDS.nic) : ENDPOINT_IDS.nvme,
    );
    if (["nic", "nvme"].includes(node.endpoint) && idText(node.id) !== made) {
      throw refused(`its ${node.endpoint} is ${made}, not ${idText(node.id)}`, node.place);
    }
    if (node.endpoint === "nic") {
      this.device(conventional ? "e1000" : "e1000e", { bus, ...this.#address(node) });
      return;
    }
    if (node.endpoint !== "nvme") {
      throw refused(`it has no ${node.endpoint}: use nvme or nic`, node.place);
    }
    if (conventional) throw refused("its NVMe controllers are PCIe only; below a bridge use nic", node.place);
    const drive = this.#unique("disk");
    const controller: NvmeController = { serial: drive, name: node.name };
    this.controllers.push(controller);
    this.arguments.push(
      "-drive",
      listProperties({ if: "none", id: drive, ...this.#driveOptions(controller) }).join(","),
    );
    this.device("nvme", { bus, drive, serial: drive, ...this.#address(node), ...cmb(node) });
  }
}

/** `name=value` of each; a comma in a value is written twice, as QEMU reads it. */
function listProperties(properties: Properties): string[] {
  return Object.entries(properties).map(([name, value]) => `${name}=${String(value).replaceAll(",", ",,")}`);
}

function cmb(node: EndpointNode): Properties {
  if (node.cmbBytes === null) return {};
  const megabytes = node.cmbBytes / 2 ** 20;
  if (!Number.isInteger(megabytes) || megabytes < 1) throw refused("a CMB is whole MiB", node.place);
  return { cmb_size_mb: megabytes };
}

function idText(id: PciIds | null): string {
  return id === null ? "none" : `${hex4(id.vendorId)}:${hex4(id.deviceId)}`;
}

function hex4(value: number): string {
  return value.toString(16).padStart(4, "0");
}
