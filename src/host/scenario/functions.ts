import type { Bar } from "../../pci/bar.ts";
import { type Bdf, busKeyOf, busOf, makeBdf } from "../../pci/bdf.ts";
import type { Capability } from "../../pci/capability.ts";
import { capabilityName } from "../../pci/capability-names.ts";
import { PCI_COMMAND_IO, PCI_COMMAND_MASTER, PCI_COMMAND_MEMORY } from "../../pci/config-space.ts";
import type { P2pmem, PciFunction } from "../../pci/function.ts";
import { type Known, type Unknown, unknown } from "../../pci/known.ts";
import { NO_VENDOR } from "../../pci/no-vendor.ts";
import { type AddressMap, VF_BAR_BYTES, windowKindOf } from "./address-map.ts";
import type { NumberedFunction } from "./bus-numbers.ts";
import { expressOf } from "./express.ts";
import { physOf } from "./host-windows.ts";
import type { DownstreamPortNode, EndpointNode, PciIds, ScenarioHostBridge, ScenarioNode } from "./scenario.ts";

type FunctionNode = ScenarioNode | DownstreamPortNode;

const subsystemUnstated: Unknown = unknown("a scenario does not state subsystem ids");
const maskUnstated: Unknown = unknown(
  "the scenario does not say how many address bits its driver uses: add `dmaMaskBits:`",
);
const useUnstated: Unknown = unknown("what drivers took of it, the running machine knows");

/** What a function's fields depend on beside its node. */
export interface FunctionContext {
  readonly hostBridge: ScenarioHostBridge;
  readonly addresses: AddressMap;
  /** Group of a function that states none. */
  readonly iommuGroup: Known<number | null>;
}

/** Class code of every PCI-to-PCI bridge, ports included (PCI Code and ID Assignment 1.15 sec 1.7). */
const BRIDGE_CLASS = 0x060400;

/** A function and its VFs as a source that sees everything would show them. */
export function* pciFunctions(fn: NumberedFunction, context: FunctionContext): Generator<PciFunction> {
  const physical = pciFunction(fn, context);
  yield physical;
  if (fn.node.kind === "endpoint" && fn.vfs !== null) yield* virtualFunctions(fn, fn.node, physical, context);
}

function pciFunction(fn: NumberedFunction, context: FunctionContext): PciFunction {
  const { node, bdf, upstream, buses } = fn;
  const endpoint = node.kind === "endpoint" ? node : null;
  // MODEL: bridges have no BARs of their own; those of real ports hold interrupt tables, never peer memory.
  const bars = endpoint === null ? [] : barsOf(endpoint, bdf, context);
  const express = expressOf(node);
  return {
    ...emptyFunction(bdf, upstream, context),
    ...idsOf(node.id),
    classCode: endpoint === null ? BRIDGE_CLASS : endpoint.classCode,
    headerType: endpoint === null ? 1 : 0,
    multifunction: node.multifunction,
    command: commandOf(bars, endpoint === null),
    bars,
    bridge: buses === null ? null : { primary: busOf(bdf), ...buses, windows: context.addresses.windowsOf(bdf) },
    express,
    acs: node.acs === null ? null : { capability: node.acs.capability, control: node.acs.control ?? 0 },
    sriov: sriovOf(fn),
    resizableBars: endpoint === null ? [] : resizableBarsOf(endpoint),
    capabilities: capabilitiesOf(node, express !== null),
    names: node.name === null ? [] : [node.name],
    driver: endpoint === null ? portDriver(node) : endpoint.driver,
    numaNode: node.numaNode,
    iommuGroup: node.iommuGroup ?? context.iommuGroup,
    p2pmem: endpoint === null ? null : p2pmemOf(endpoint),
    dmaMaskBits: endpoint?.dmaMaskBits ?? maskUnstated,
  };
}

/** The function at 00.0 of a root bus that stands for its host bridge. */
export function hostBridgeFunction(bdf: Bdf, context: FunctionContext): PciFunction | null {
  const { hasFunction, id, numaNode } = context.hostBridge;
  if (!hasFunction) return null;
  return {
    ...emptyFunction(bdf, null, context),
    ...idsOf(id),
    classCode: 0x060000,
    numaNode,
  };
}

function idsOf(id: PciIds | null): Pick<PciFunction, "vendorId" | "deviceId"> {
  return id === null ? { vendorId: NO_VENDOR, deviceId: NO_VENDOR } : { vendorId: id.vendorId, deviceId: id.deviceId };
}

function emptyFunction(bdf: Bdf, upstream: Bdf | null, context: FunctionContext): PciFunction {
  const { hostBridge } = context;
  return {
    bdf,
    vendorId: 0,
    deviceId: 0,
    subsystem: subsystemUnstated,
    revision: 0,
    classCode: 0,
    headerType: 0,
    multifunction: false,
    command: 0,
    bars: [],
    bridge: null,
    express: null,
    acs: null,
    sriov: null,
    resizableBars: [],
    capabilities: [],
    names: [],
    label: null,
    driver: null,
    numaNode: null,
    iommuGroup: context.iommuGroup,
    p2pmem: null,
    physicalFunction: null,
    attachment: { upstream, rootBus: busKeyOf(makeBdf(hostBridge.segment, hostBridge.bus, 0, 0)) },
    dmaMaskBits: maskUnstated,
  };
}

function* virtualFunctions(
  fn: NumberedFunction,
  node: EndpointNode,
  physical: PciFunction,
  context: FunctionContext,
): Generator<PciFunction> {
  if (fn.vfs === null || node.sriov === null) return;
  const { firstVfOffset, vfStride } = fn.vfs;
  const start = context.addresses.vfBarAddress(fn.bdf);
  for (let index = 0; index < node.sriov.numVfs; index++) {
    const busAddress = start === null ? null : ((start + index * VF_BAR_BYTES) as typeof start);
    const physAddress = busAddress === null ? null : physOf(context.hostBridge, "prefetchable", busAddress);
    const bar: Bar = {
      index: 0,
      kind: "memory",
      is64Bit: true,
      prefetchable: true,
      busAddress,
      physAddress,
      sizeBytes: VF_BAR_BYTES,
      fromEnhancedAllocation: false,
    };
    yield {
      ...physical,
      bdf: (fn.bdf + firstVfOffset + index * vfStride) as Bdf,
      multifunction: false,
      bars: [bar],
      // Memory decode of a virtual function is its physical one's VF MSE (PCIe 6.0 sec 9.3.4.1.3).
      command: PCI_COMMAND_MASTER,
      sriov: null,
      acs: null,
      resizableBars: [],
      capabilities: capabilitiesOf({ ...node, sriov: null, acs: null, bars: [] }, true),
      names: [],
      p2pmem: null,
      iommuGroup: context.iommuGroup,
      physicalFunction: fn.bdf,
    };
  }
}

function barsOf(node: EndpointNode, bdf: Bdf, { addresses, hostBridge }: FunctionContext): readonly Bar[] {
  return node.bars.map((bar): Bar => {
    const busAddress = addresses.barAddress(bdf, bar.index);
    const { index, kind, is64Bit, prefetchable, sizeBytes } = bar;
    const physAddress = busAddress === null ? null : physOf(hostBridge, windowKindOf(bar), busAddress);
    return { index, kind, is64Bit, prefetchable, busAddress, physAddress, sizeBytes, fromEnhancedAllocation: false };
  });
}

/** Firmware turns decoding on where every BAR of the kind has an address. */
function commandOf(bars: readonly Bar[], isBridge: boolean): number {
  const decodes = (kind: Bar["kind"]): boolean => {
    const ofKind = bars.filter((bar) => bar.kind === kind);
    return ofKind.length > 0 && ofKind.every((bar) => bar.busAddress !== null);
  };
  const io = isBridge || decodes("io") ? PCI_COMMAND_IO : 0;
  const memory = isBridge || decodes("memory") ? PCI_COMMAND_MEMORY : 0;
  return io | memory | PCI_COMMAND_MASTER;
}

function sriovOf({ node, vfs }: NumberedFunction): PciFunction["sriov"] {
  if (node.kind !== "endpoint" || node.sriov === null || vfs === null) return null;
  return { ...node.sriov, ...vfs, vfDeviceId: node.id?.deviceId ?? NO_VENDOR, vfMemoryEnable: node.sriov.numVfs > 0 };
}

function resizableBarsOf(node: EndpointNode): PciFunction["resizableBars"] {
  return node.bars.flatMap(({ index, sizeBytes, resizableBytes }) =>
    resizableBytes === null ? [] : [{ barIndex: index, currentBytes: sizeBytes, supportedBytes: resizableBytes }],
  );
}

/** The NVMe driver registers and publishes a memory buffer that takes reads and writes. */
function p2pmemOf(node: EndpointNode): P2pmem | null {
  if (node.endpoint !== "nvme" || node.cmbBytes === null || node.driver !== "nvme") return null;
  return { sizeBytes: node.cmbBytes, availableBytes: useUnstated, published: true };
}

function portDriver(node: FunctionNode): string | null {
  return node.kind === "pcie-to-pci-bridge" || node.kind === "pci-bridge" ? null : "pcieport";
}

const EXPRESS = 0x10;
const ACS = 0x0d;
const ATS = 0x0f;
const SRIOV = 0x10;
const RESIZABLE_BAR = 0x15;

/** MODEL: the capabilities that a scenario speaks of, at offsets of our own choosing. */
function capabilitiesOf(node: FunctionNode, isExpress: boolean): readonly Capability[] {
  const extended: number[] = [];
  if (node.acs !== null) extended.push(ACS);
  if (node.kind === "endpoint") {
    if (node.ats) extended.push(ATS);
    if (node.sriov !== null) extended.push(SRIOV);
    if (node.bars.some((bar) => bar.resizableBytes !== null)) extended.push(RESIZABLE_BAR);
  }
  return [
    ...(isExpress ? [capability("standard", EXPRESS, 2, 0x40)] : []),
    ...extended.map((id, index) => capability("extended", id, 1, 0x100 + 0x40 * index)),
  ];
}

function capability(space: Capability["space"], id: number, version: number, offset: number): Capability {
  return { space, id, version, offset, name: capabilityName(space, id), decoded: {} };
}
