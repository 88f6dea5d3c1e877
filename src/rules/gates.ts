import { type Iommu, isTranslating, type Machine } from "../host/machine.ts";
import { formatAddress } from "../pci/addresses.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { memoryBars, type PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import { formatSize } from "../pci/size.ts";
import type { Topology } from "../pci/topology.ts";
import { isEmulated } from "../platforms/emulated.ts";
import { type VirtualMachine, virtualMachineOf, virtualMachineWords } from "../platforms/virtual-machine.ts";
import { misreadParameters } from "./kernel-parameters.ts";
import { releaseNumber } from "./release-number.ts";
import type { Gate, Verdict } from "./verdict.ts";

/** Memory decode in the command register (PCI 3.0 sec 6.2.2). */
const PCI_COMMAND_MEMORY = 0x2;

/** 4.20, as {@link releaseNumber} gives it. */
const FIRST_WITH_P2PDMA = 4020;

/** What holds for every pair of a machine, worked out once. */
export interface GateContext {
  readonly machineGates: readonly Gate[];
  readonly iommu: Iommu;
  readonly virtualMachine: VirtualMachine | null;
}

/** The gates of the machine itself: a kernel without P2PDMA, kernel parameters that do not mean what was meant. */
export function machineGates(machine: Machine): readonly Gate[] {
  const gates: Gate[] = [];
  const { config, commandLine, release } = machine.kernel;
  if (!isUnknown(release) && (releaseNumber(release) ?? FIRST_WITH_P2PDMA) < FIRST_WITH_P2PDMA) {
    const message = `Linux ${release} has no P2PDMA, below a switch or elsewhere: it came with 4.20`;
    gates.push({ kind: "kernel-without-p2pdma", device: null, effect: "blocks", message });
  }
  if (!isUnknown(config) && config["CONFIG_PCI_P2PDMA"] === undefined) {
    const name = isUnknown(release) ? "this kernel" : release;
    gates.push({
      kind: "kernel-without-p2pdma",
      device: null,
      effect: "blocks",
      message: `${name} is built without CONFIG_PCI_P2PDMA: no driver can register or map peer memory`,
    });
  }
  if (!isUnknown(commandLine)) {
    for (const message of misreadParameters(commandLine)) {
      gates.push({ kind: "kernel-parameter-misread", device: null, effect: "warns", message });
    }
  }
  return gates;
}

/** As much of a verdict as gates hang on. */
export type JudgedPair = Pick<Verdict, "provider" | "client" | "mapType">;

/** Works out what {@link gatesOf} needs once per machine. */
export function gateContext(machine: Machine): GateContext {
  return { machineGates: machineGates(machine), iommu: machine.iommu, virtualMachine: virtualMachineOf(machine) };
}

/** What stops or spoils a transfer beside the map type. Only what the source shows: a hidden BAR is no gate. */
export function gatesOf(topology: Topology, context: GateContext, verdict: JudgedPair): readonly Gate[] {
  const provider = functionAt(topology, verdict.provider);
  const client = functionAt(topology, verdict.client);
  return [
    ...context.machineGates,
    ...virtualMachineGates(context.virtualMachine, provider, client),
    ...barGates(provider),
    ...decodeGates(topology, provider),
    ...resizableBarGates(provider),
    ...dmaMaskGates(provider, client, verdict, context.iommu),
    ...iommuGates(verdict, context.iommu),
  ];
}

/** Where both are emulated, the guest's bus is all there is. */
function virtualMachineGates(machine: VirtualMachine | null, provider: PciFunction, client: PciFunction): Gate[] {
  if (machine === null || provider === client) return [];
  if (isEmulated(provider) === true && isEmulated(client) === true) return [];
  const message =
    `${virtualMachineWords(machine)}: the verdict is its kernel's, by a bus that the hypervisor makes up; where the ` +
    "devices sit, and what switches, root complex and IOMMU do between them, only the host shows";
  return [{ kind: "virtual-machine", device: null, effect: "warns", message }];
}

function functionAt(topology: Topology, bdf: Bdf): PciFunction {
  const fn = topology.functions[topology.indexOf(bdf) ?? -1];
  if (fn === undefined) throw new RangeError(`no function ${formatBdf(bdf)}`);
  return fn;
}

function barGates(provider: PciFunction): Gate[] {
  const gates: Gate[] = [];
  const name = formatBdf(provider.bdf);
  const bars = memoryBars(provider);
  const push = (kind: Gate["kind"], message: string): void => {
    gates.push({ kind, device: provider.bdf, effect: "blocks", message });
  };
  if (bars !== undefined && bars.length === 0)
    push("bar-missing", `${name} has no memory BAR: it has nothing to provide`);
  for (const bar of bars ?? []) {
    if (bar.busAddress !== null && bar.physAddress !== null) continue;
    push("bar-unassigned", `BAR ${bar.index} of ${name} has no address: firmware or kernel found no space for it`);
  }
  return gates;
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
  const sriov = topology.functions[topology.indexOf(physical) ?? -1]?.sriov;
  if (sriov === undefined || isUnknown(sriov) || sriov?.vfMemoryEnable !== false) return [];
  const message = `VF MSE of ${formatBdf(physical)} is off: none of its virtual functions answers to its BARs`;
  return [{ kind: "vf-memory-off", device: physical, effect: "blocks", message }];
}

function resizableBarGates(provider: PciFunction): Gate[] {
  if (isUnknown(provider.resizableBars)) return [];
  return provider.resizableBars.flatMap((bar): Gate[] => {
    if (isUnknown(bar.currentBytes) || isUnknown(bar.supportedBytes)) return [];
    const largest = bar.supportedBytes.at(-1) ?? 0;
    if (bar.currentBytes >= largest) return [];
    const message =
      `BAR ${bar.barIndex} of ${formatBdf(provider.bdf)} is ${formatSize(bar.currentBytes)} of ` +
      `${formatSize(largest)}: peers reach only that part until Resizable BAR is turned on`;
    return [{ kind: "resizable-bar-small", device: provider.bdf, effect: "warns", message }];
  });
}

/** The client's driver said how many address bits it uses; a BAR beyond them cannot be mapped for it. */
function dmaMaskGates(provider: PciFunction, client: PciFunction, verdict: JudgedPair, iommu: Iommu): Gate[] {
  // Without a driver the mask is the default of 32 bits and says nothing about the device.
  if (isUnknown(client.dmaMaskBits) || isUnknown(client.driver) || client.driver === null) return [];
  const translated = verdict.mapType === "thru-host-bridge" && !isUnknown(iommu.mode) && isTranslating(iommu.mode);
  if (translated || verdict.mapType === "not-supported" || provider.bdf === client.bdf) return [];
  const limit = 2 ** client.dmaMaskBits;
  return (memoryBars(provider) ?? []).flatMap((bar): Gate[] => {
    const address = verdict.mapType === "bus-addr" ? bar.busAddress : bar.physAddress;
    if (address === null || isUnknown(address) || isUnknown(bar.sizeBytes) || address + bar.sizeBytes <= limit)
      return [];
    const message =
      `BAR ${bar.index} of ${formatBdf(provider.bdf)} ends at ${formatAddress(address + bar.sizeBytes)}, beyond the ` +
      `${client.dmaMaskBits} address bits of ${formatBdf(client.bdf)}`;
    return [{ kind: "beyond-dma-mask", device: client.bdf, effect: "blocks", message }];
  });
}

function iommuGates(verdict: JudgedPair, iommu: Iommu): Gate[] {
  if (isUnknown(iommu.mode) || !isTranslating(iommu.mode)) return [];
  if (verdict.mapType !== "bus-addr" || verdict.provider === verdict.client) return [];
  const message =
    `the IOMMU translates (${iommu.mode}) and the DMA address is a bus address: a switch that sends peer traffic up ` +
    "all the same meets an IOMMU fault, and the data is lost without an error; test with real data, or use iommu=pt";
  return [{ kind: "iommu-translates", device: null, effect: "warns", message }];
}
