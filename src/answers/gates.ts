import type { Kernel, Machine } from "../host/machine.ts";
import { isScenario } from "../host/machine.ts";
import type { Bar } from "../pci/bar.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import type { BridgeRegisters, BridgeWindow } from "../pci/bridge.ts";
import { PCI_COMMAND_MASTER, PCI_COMMAND_MEMORY } from "../pci/config-space.ts";
import { knownKind } from "../pci/device-kind.ts";
import { memoryBars, type PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import {
  isGpuWithoutMemory,
  isIntegratedGpu,
  LEAST_PEER_BYTES,
  mayProvide,
  smallMemory,
  whyNoMemory,
} from "../pci/peer-roles.ts";
import { formatSize } from "../pci/size.ts";
import type { Topology } from "../pci/topology.ts";
import { USER_SPACE_DRIVERS } from "../platforms/asking.ts";
import { areEmulated } from "../platforms/emulated.ts";
import { type VirtualMachine, virtualMachineOf, virtualMachineWords } from "../platforms/virtual-machine.ts";
import type { AskedBy } from "../platforms/who-asks.ts";
import { acsParameters } from "../rules/acs-parameters.ts";
import { acsQuirk } from "../rules/acs-quirks.ts";
import { misreadParameters, uselessParameters, vfioWithoutIommu } from "../rules/kernel-parameters.ts";
import { withoutP2pdma } from "../rules/kernels/build-option.ts";
import { rowsOf } from "../rules/kernels/choose-rules.ts";
import { parseKernelRelease, releaseNumber } from "../rules/kernels/kernel-release.ts";
import { findPath } from "../rules/path.ts";
import { dmaMaskGates, iommuGates, kernelGate, noPeerDmaGates, openRefusalGates, vfioGates } from "./driver-gates.ts";
import type { Gate, JudgedPair } from "./gate.ts";

/** What GPUs have with Resizable BAR off. */
const USUAL_SMALL_BYTES = 256 * 2 ** 20;

const USEFUL_PARAMETER = "leave it out: pci=disable_acs_redir= with the functions that redirect is what Linux has";

/** What holds for every pair of a machine, worked out once. */
export interface GateContext {
  readonly machine: Machine;
  readonly machineGates: readonly Gate[];
  readonly virtualMachine: VirtualMachine | null;
  /** Windows of bridges are as firmware left them; those of a scenario are laid out around the BARs that it has. */
  readonly showsWindows: boolean;
  /** Bridges that are known to have memory decode off, and those to be no bus masters. */
  readonly bridgesOff: { readonly memory: ReadonlySet<Bdf>; readonly master: ReadonlySet<Bdf> };
  /** Ports that keep their ACS registers elsewhere. */
  readonly acsElsewhere: ReadonlySet<Bdf>;
  /** The gates of a provider's own BARs and registers, those of its resizable BARs apart, which follow later. */
  readonly ofProviders: Map<Bdf, { readonly own: readonly Gate[]; readonly resizable: readonly Gate[] }>;
  /** The gates of the kernel and of the drivers, for each way of asking. */
  readonly ofKernel: Map<AskedBy, readonly Gate[]>;
}

/**
 * The gates of the machine itself: a kernel without P2PDMA, for every driver that asks the kernel; kernel parameters that
 * do not mean what was meant.
 */
export function machineGates(machine: Machine): readonly Gate[] {
  const gates: Gate[] = [];
  const { commandLine } = machine.kernel;
  for (const message of withoutMessages(machine)) {
    gates.push({ kind: "kernel-without-p2pdma", device: null, effect: "blocks", message });
  }
  if (!isUnknown(commandLine)) {
    for (const message of misreadParameters(commandLine)) {
      gates.push({ kind: "kernel-parameter-misread", device: null, effect: "warns", message });
    }
    for (const message of uselessParameters(commandLine)) {
      gates.push({
        kind: "kernel-parameter-misread",
        device: null,
        effect: "warns",
        message,
        remedy: USEFUL_PARAMETER,
      });
    }
    const message = vfioWithoutIommu(
      commandLine,
      machine.functions.some(({ driver }) => driver === "vfio-pci"),
      machine.cpu,
    );
    if (message !== undefined) {
      const remedy = "leave it out; iommu=pt is for a host whose own devices are to go untranslated";
      gates.push({ kind: "kernel-parameter-misread", device: null, effect: "warns", message, remedy });
    }
  }
  return gates;
}

/** Why the kernel has no P2PDMA: its release, and its configuration or what was read of its vendor's. */
function withoutMessages(machine: Machine): readonly string[] {
  const { release, config } = machine.kernel;
  const parsed = isUnknown(release) ? undefined : parseKernelRelease(release);
  const kernel = parsed === undefined ? undefined : rowsOf(parsed);
  const messages: string[] = [];
  if (kernel?.rows.length === 0) {
    const { rules } = kernel.vendor ?? {};
    const tooOld = `Linux ${String(release)} has no P2PDMA, below a switch or elsewhere: it came with 4.20`;
    messages.push(rules?.kind === "none" ? rules.why : tooOld);
    if (isUnknown(config)) return messages;
  }
  const notBuilt = withoutP2pdma(machine);
  if (notBuilt === undefined) return messages;
  return [...messages, `${notBuilt}: no driver that asks the kernel can register or map peer memory`];
}

function bridgesWithout(machine: Machine, bit: number): ReadonlySet<Bdf> {
  const off = machine.functions.filter(
    ({ bridge, command }) => !isUnknown(bridge) && bridge !== null && !isUnknown(command) && (command & bit) === 0,
  );
  return new Set(off.map(({ bdf }) => bdf));
}

/** Works out what {@link gatesOf} needs once per machine. */
export function gateContext(machine: Machine): GateContext {
  return {
    machine,
    machineGates: machineGates(machine),
    virtualMachine: virtualMachineOf(machine),
    showsWindows: !isScenario(machine),
    bridgesOff: {
      memory: bridgesWithout(machine, PCI_COMMAND_MEMORY),
      master: bridgesWithout(machine, PCI_COMMAND_MASTER),
    },
    acsElsewhere: new Set(
      machine.functions.filter((fn) => acsQuirk(fn) === "registers-elsewhere").map(({ bdf }) => bdf),
    ),
    ofProviders: new Map(),
    ofKernel: new Map(),
  };
}

/** What stops or spoils a transfer beside the map type. Only what the source shows: a hidden BAR is no gate. */
export function gatesOf(topology: Topology, context: GateContext, verdict: JudgedPair): readonly Gate[] {
  const provider = topology.functionOf(verdict.provider);
  const client = topology.functionOf(verdict.client);
  const { own, resizable } = providerGates(topology, context, provider);
  return [
    ...kernelGates(context, verdict.askedBy),
    ...vfioGates(context.machine, provider, client),
    ...virtualMachineGates(context.virtualMachine, provider, client),
    ...own,
    ...registersGates(provider, client, verdict.askedBy),
    ...bridgeGates(topology, context, provider, client),
    ...masterGates(provider, client),
    ...resizable,
    ...dmaMaskGates(provider, client, verdict, context.machine),
    ...iommuGates(verdict, context.machine),
    ...elsewhereGates(topology, context, verdict),
  ];
}

function kernelGates({ machine, machineGates: gates, ofKernel }: GateContext, askedBy: AskedBy): readonly Gate[] {
  let own = ofKernel.get(askedBy);
  if (own === undefined) {
    own = [
      ...gates.flatMap((gate) => kernelGate(machine, gate, askedBy)),
      ...noPeerDmaGates(machine, askedBy),
      ...openRefusalGates(machine, askedBy),
    ];
    ofKernel.set(askedBy, own);
  }
  return own;
}

function providerGates(
  topology: Topology,
  { machine, ofProviders, showsWindows }: GateContext,
  provider: PciFunction,
): { readonly own: readonly Gate[]; readonly resizable: readonly Gate[] } {
  let gates = ofProviders.get(provider.bdf);
  if (gates === undefined) {
    const windows = showsWindows ? topology : undefined;
    const own = [
      ...barGates(windows, provider),
      ...(showsWindows ? [] : smallBufferGates(machine.kernel, provider)),
      ...decodeGates(topology, provider),
    ];
    gates = { own, resizable: resizableBarGates(windows, provider) };
    ofProviders.set(provider.bdf, gates);
  }
  return gates;
}

/** Where both are emulated, the guest's bus is all there is. */
function virtualMachineGates(machine: VirtualMachine | null, provider: PciFunction, client: PciFunction): Gate[] {
  if (machine === null || provider === client) return [];
  if (areEmulated(provider, client) === true) return [];
  const message =
    `${virtualMachineWords(machine)}: its kernel decides by the bus that the hypervisor emulates; the real path between ` +
    "devices that were passed through (switches, root complex, IOMMU) is the host's: look there";
  return [{ kind: "virtual-machine", device: null, effect: "warns", message }];
}

/**
 * A root port of an Intel chipset of the 100 series keeps ACS in registers of its own. With an IOMMU the kernel turns
 * redirection on there (`pci_quirk_enable_intel_spt_pch_acs`), and decides by the register of the specification, which
 * says off (`pci_bridge_has_acs_redir`): checked in Linux 7.3.
 */
function elsewhereGates(topology: Topology, context: GateContext, verdict: JudgedPair): Gate[] {
  const { machine, acsElsewhere } = context;
  if (acsElsewhere.size === 0 || verdict.mapType !== "bus-addr" || verdict.provider === verdict.client) return [];
  const { meeting } = findPath(topology, topology.indexOf(verdict.provider), topology.indexOf(verdict.client));
  if (meeting === undefined) return [];
  const port = topology.functionAt(meeting);
  const { mode } = machine.iommu;
  if (!acsElsewhere.has(port.bdf) || isUnknown(mode) || mode === "off") return [];
  const asks = acsParameters(machine).asksOf(port);
  if (!isUnknown(asks) && asks.disabled) return [];
  const name = formatBdf(port.bdf);
  const message =
    `the verdict and the hardware differ: ${name} keeps its ACS registers where the specification does not. With an IOMMU ` +
    "the kernel turns redirection on in those, and decides by the standard one, which says off: requests go up to the root complex all the same";
  return [{ kind: "acs-registers-elsewhere", device: port.bdf, effect: "warns", message }];
}

function barGates(topology: Topology | undefined, provider: PciFunction): Gate[] {
  const gates: Gate[] = [];
  const name = formatBdf(provider.bdf);
  const bars = memoryBars(provider);
  const push = (kind: Gate["kind"], message: string, more: Pick<Gate, "about"> = {}): void => {
    gates.push({ kind, device: provider.bdf, effect: "blocks", message, ...more });
  };
  if (bars !== undefined && bars.length === 0)
    push("bar-missing", `${name} has no memory BAR: it has nothing to provide`);
  for (const bar of bars ?? []) {
    if (bar.busAddress !== null && bar.physAddress !== null) continue;
    const small = isUnknown(bar.sizeBytes) ? undefined : smallWindowAbove(topology, provider, bar, bar.sizeBytes);
    if (small !== undefined) {
      const message = `BAR ${bar.index} of ${name} has no address: ${windowText(small)} cannot hold ${formatSize(bar.sizeBytes as number)}`;
      gates.push({
        kind: "bridge-window-small",
        device: small.bridge,
        effect: "blocks",
        message,
        about: barName(bar.index),
      });
    } else {
      const message = `BAR ${bar.index} of ${name} has no address: firmware or kernel found no space for it`;
      push("bar-unassigned", message, { about: barName(bar.index) });
    }
  }
  return gates;
}

/**
 * A provider with registers alone has nothing to give, but for those who share any BAR: a program in user space, and drivers
 * that export what a BAR holds.
 */
function registersGates(provider: PciFunction, client: PciFunction, { ways, hidden }: AskedBy): readonly Gate[] {
  if (provider === client || memoryBars(provider)?.length === 0) return [];
  const isIntegrated = isIntegratedGpu(provider);
  const isGpu = isGpuWithoutMemory(provider) || isIntegrated;
  if (!isGpu && mayProvide(provider) !== false) return [];
  const sharing = ways.filter(({ row }) => row.sharesAnyBar === true);
  if (sharing.some(({ given }) => given.length === 0)) return [];
  const { bdf, driver, p2pmem } = provider;
  const kind = knownKind(provider);
  const doubts = [
    // RDMA NICs export theirs to some drivers.
    ...(hidden !== null && (sharing.length > 0 || kind === "nic") ? [hidden] : []),
    ...(kind === "nvme" && !isUnknown(driver) && driver !== null && driver !== "nvme"
      ? [`what ${driver} shares was not read`]
      : []),
    ...(kind !== "nvme" && kind !== "nic" && !isGpu ? ["drivers of such devices may share what was not read of"] : []),
    // A driver may register memory of a device of any kind; the BARs of an NVMe controller without a buffer are too small for it.
    ...(isUnknown(p2pmem) && kind !== "nvme" && !isIntegrated ? [p2pmem.unknown] : []),
  ];
  const why = whyNoMemory(provider);
  const small = isGpu ? smallMemory(provider) : null;
  const holds = isIntegrated ? "its BARs hold registers and a window on the host's" : "its BARs hold registers";
  const said =
    small === null
      ? `${formatBdf(bdf)} has ${why}: ${holds}, and no memory for peers`
      : `${formatBdf(bdf)} has no memory for peers: its largest memory BAR has ${formatSize(small)}, and Linux makes ` +
        `pages in units of ${formatSize(LEAST_PEER_BYTES)}`;
  const [doubt] = doubts;
  if (doubt === undefined)
    return [{ kind: "registers-only", device: bdf, effect: "blocks", message: said, about: why }];
  const message = `${said}, as far as the source shows`;
  return [{ kind: "registers-only", device: bdf, effect: "blocks", message, about: why, doubt }];
}

/** A scenario may state a buffer of which Linux makes no pages; on a running machine the kernel has said. */
function smallBufferGates({ release }: Kernel, { bdf, p2pmem }: PciFunction): readonly Gate[] {
  if (isUnknown(p2pmem) || p2pmem === null || p2pmem.sizeBytes >= LEAST_PEER_BYTES) return [];
  const number = isUnknown(release) ? undefined : releaseNumber(release);
  if (number !== undefined && number < FIRST_WITH_UNITS) return [];
  const message =
    `the memory buffer of ${formatBdf(bdf)} has ${formatSize(p2pmem.sizeBytes)}, and Linux makes pages in units of ` +
    `${formatSize(LEAST_PEER_BYTES)}: its driver registers none`;
  return [{ kind: "registers-only", device: bdf, effect: "blocks", message, about: "small buffer" }];
}

/** 5.3, from which on such a unit is asked for (`check_pfn_span`). */
const FIRST_WITH_UNITS = 5003;

function barName(index: number): string {
  return `BAR ${index}`;
}

/** A virtual function leaves decode to the physical one (PCIe 6.0 sec 9.3.4.1.3), so what may be one tells nothing itself. */
function decodeGates(topology: Topology, provider: PciFunction): Gate[] {
  const bars = memoryBars(provider);
  if (bars === undefined || bars.length === 0 || isUnknown(provider.physicalFunction)) return [];
  if (provider.physicalFunction !== null) return virtualDecodeGates(topology, provider.physicalFunction);
  if (isUnknown(provider.command) || (provider.command & PCI_COMMAND_MEMORY) !== 0) return [];
  const name = formatBdf(provider.bdf);
  const message = `memory decode of ${name} is off: it answers to none of its BARs until a driver enables it`;
  return [{ kind: "memory-decode-off", device: provider.bdf, effect: "blocks", message }];
}

function virtualDecodeGates(topology: Topology, physical: Bdf): Gate[] {
  const sriov = topology.find(physical)?.sriov;
  if (isUnknown(sriov) || sriov?.vfMemoryEnable !== false) return [];
  const message = `VF MSE of ${formatBdf(physical)} is off: none of its virtual functions answers to its BARs`;
  return [{ kind: "vf-memory-off", device: physical, effect: "blocks", message }];
}

/**
 * A bridge above the provider whose memory decode is off passes no request down, and one above the client that is no bus
 * master none up (PCIe 6.0 sec 7.5.1.1.3). Linux turns both on when a driver enables a device below (`pci_enable_bridge`,
 * Linux 7.2), so it is a gate where one is bound already: no other will.
 */
function bridgeGates(
  topology: Topology,
  { bridgesOff: { memory, master } }: GateContext,
  provider: PciFunction,
  client: PciFunction,
): Gate[] {
  if (memory.size + master.size === 0 || provider === client) return [];
  const [from, to] = [topology.indexOf(provider.bdf), topology.indexOf(client.bdf)];
  const { meeting, providerArm, clientArm } = findPath(topology, from, to);
  // Where the source hides what is above one of the two, they may meet at any bridge above the other.
  if (meeting === undefined && [from, to].some((index) => topology.rootBusOf(index) === undefined)) return [];
  const gates = (arm: readonly number[], end: PciFunction, off: ReadonlySet<Bdf>, words: string): Gate[] => {
    if (isUnknown(end.driver) || end.driver === null) return [];
    return arm.flatMap((index): Gate[] => {
      const { bdf } = topology.functionAt(index);
      if (index === meeting || bdf === end.bdf || !off.has(bdf)) return [];
      const message = `${words.replace("BRIDGE", formatBdf(bdf))} ${formatBdf(end.bdf)}, although a driver is bound to it`;
      return [{ kind: "bridge-decode-off", device: bdf, effect: "blocks", message }];
    });
  };
  return [
    ...gates(providerArm, provider, memory, "memory decode of the bridge BRIDGE is off: no request reaches"),
    ...gates(clientArm, client, master, "the bridge BRIDGE is no bus master: it passes on no request of"),
  ];
}

/**
 * A client that is no bus master issues no request (PCIe 6.0 sec 7.5.1.1.3). Its driver turns that on (`pci_set_master`),
 * so it is a gate where one is bound already; those that hand a device to a program leave it off until one opens it.
 */
function masterGates(provider: PciFunction, client: PciFunction): Gate[] {
  const { bdf, command, driver } = client;
  if (provider === client || isUnknown(command) || (command & PCI_COMMAND_MASTER) !== 0) return [];
  if (isUnknown(driver) || driver === null || USER_SPACE_DRIVERS.includes(driver)) return [];
  const message = `${formatBdf(bdf)} is no bus master although ${driver} is bound to it: it issues no request until its driver turns that on`;
  return [{ kind: "bus-master-off", device: bdf, effect: "blocks", message }];
}

function resizableBarGates(topology: Topology | undefined, provider: PciFunction): Gate[] {
  if (isUnknown(provider.resizableBars)) return [];
  return provider.resizableBars.flatMap((bar): Gate[] => {
    if (isUnknown(bar.currentBytes) || isUnknown(bar.supportedBytes)) return [];
    const largest = bar.supportedBytes.at(-1);
    if (largest === undefined || bar.currentBytes >= largest) return [];
    const now = `BAR ${bar.barIndex} of ${formatBdf(provider.bdf)} is ${formatSize(bar.currentBytes)} of ${formatSize(largest)}`;
    const own = memoryBars(provider)?.find(({ index }) => index === bar.barIndex);
    const small = own === undefined ? undefined : smallWindowAbove(topology, provider, own, largest);
    const resized = small === undefined ? undefined : resizedElsewhere(topology, provider);
    if (small !== undefined && resized !== undefined) {
      const message = `${now}: ${windowText(small)} cannot hold more; Resizable BAR itself is on (${resized})`;
      return [
        { kind: "bridge-window-small", device: small.bridge, effect: "warns", message, about: barName(bar.barIndex) },
      ];
    }
    const also = small === undefined ? "" : `, and ${windowText(small)} made larger`;
    const message = `${now}: peers reach only that part until Resizable BAR is turned on${also}`;
    return [
      { kind: "resizable-bar-small", device: provider.bdf, effect: "warns", message, about: barName(bar.barIndex) },
    ];
  });
}

/** A bridge's window that a BAR is in, or would be. */
interface BridgeAbove {
  readonly bridge: Bdf;
  readonly kind: "memory" | "prefetchable";
  readonly sizeBytes: number;
}

function windowText({ bridge, kind, sizeBytes }: BridgeAbove): string {
  const name = kind === "memory" ? "memory window" : "prefetchable window";
  return `the ${name} of ${formatBdf(bridge)} (${formatSize(sizeBytes)})`;
}

/** The smallest window above a function that a BAR of `wanted` bytes does not fit in; `undefined` where all hold it or are hidden. */
function smallWindowAbove(
  topology: Topology | undefined,
  fn: PciFunction,
  bar: Bar,
  wanted: number,
): BridgeAbove | undefined {
  if (topology === undefined) return undefined;
  let smallest: BridgeAbove | undefined;
  for (const index of topology.bridgesAbove(topology.indexOf(fn.bdf))) {
    const above = topology.functionAt(index);
    if (isUnknown(above.bridge) || above.bridge === null) continue;
    const window = windowFor(above.bridge, bar);
    if (window === undefined || window.size >= wanted || window.kind === "io") continue;
    if (smallest !== undefined && smallest.sizeBytes <= window.size) continue;
    smallest = { bridge: above.bdf, kind: window.kind, sizeBytes: window.size };
  }
  return smallest;
}

/** The window that a BAR lies in; of one without an address the largest that it may lie in. */
function windowFor({ windows }: BridgeRegisters, bar: Bar): BridgeWindow | undefined {
  if (isUnknown(windows)) return undefined;
  const address = isUnknown(bar.busAddress) ? bar.physAddress : bar.busAddress;
  if (isUnknown(address)) return undefined;
  const ofKind = windows.filter(({ kind }) => kind === "memory" || (kind === "prefetchable" && bar.prefetchable));
  if (address !== null) return ofKind.find(({ start, size }) => start <= address && address < start + size);
  return ofKind.sort((a, b) => b.size - a.size)[0];
}

/** A BAR of another function that was enlarged to all it can be: firmware or kernel does resize on this machine. */
function resizedElsewhere(topology: Topology | undefined, provider: PciFunction): string | undefined {
  for (const { bdf, resizableBars } of topology?.functions ?? []) {
    if (bdf === provider.bdf || isUnknown(resizableBars)) continue;
    for (const { barIndex, currentBytes, supportedBytes } of resizableBars) {
      if (isUnknown(currentBytes) || isUnknown(supportedBytes) || supportedBytes.length < 2) continue;
      if (currentBytes > USUAL_SMALL_BYTES && currentBytes === supportedBytes.at(-1)) {
        return `BAR ${barIndex} of ${formatBdf(bdf)} has ${formatSize(currentBytes)}`;
      }
    }
  }
  return undefined;
}
