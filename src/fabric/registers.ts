import { PCI_ACS_UF } from "../pci/acs.ts";
import { busKeyOf, busOf as busNumberOf, domainOf, formatBdf } from "../pci/bdf.ts";
import { PCI_COMMAND_MEMORY } from "../pci/config-space.ts";
import { entryAt } from "../pci/entry-at.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";

const PCI_EXT_CAP_ID_ATS = 0x0f;

/** Every bit of a register that the source does not show. */
const ALL_BITS = 0xffff;

/**
 * The registers that routing looks at, as flat arrays by function index. A bus is numbered by the bridge above it, root
 * buses behind all functions: `count + index of the root bus`.
 */
export interface FabricRegisters {
  readonly topology: Topology;
  readonly count: number;
  readonly busCount: number;
  /** The bus that each function is on, -1 where that is hidden. */
  readonly bus: Int32Array;
  /** 1 for a root port or a downstream port of a switch. */
  readonly isPort: Uint8Array;
  /** 1 for every bridge, ports included. */
  readonly isBridge: Uint8Array;
  /** 1 for buses whose devices see each other: not the link below a port. */
  readonly isShared: Uint8Array;
  /** Command registers, and 1 in `commandHidden` where they are not shown. */
  readonly command: Uint16Array;
  readonly commandHidden: Uint8Array;
  /** ACS control registers, 0 without ACS, and their bits that are not known. */
  readonly acs: Uint16Array;
  readonly acsHidden: Uint16Array;
  /** Whether a function has Address Translation Services switched on: 0 no, 1 yes, 2 hidden. */
  readonly ats: Uint8Array;
  /** Domain and bus (`busKeyOf`) of a bridge's secondary and subordinate bus, -1 for no bridge or one that has none. */
  readonly secondary: Float64Array;
  readonly subordinate: Float64Array;
  /** `busKeyOf` of each function's own address. */
  readonly busKey: Float64Array;
}

/** Reads the registers of a machine; what the source hides is marked, never guessed. */
export function readRegisters(topology: Topology): FabricRegisters {
  const { functions } = topology;
  const count = functions.length;
  const registers: FabricRegisters = {
    topology,
    count,
    busCount: count + topology.roots.length,
    bus: new Int32Array(count),
    isPort: new Uint8Array(count),
    isBridge: new Uint8Array(count),
    isShared: new Uint8Array(count + topology.roots.length).fill(1),
    command: new Uint16Array(count),
    commandHidden: new Uint8Array(count),
    acs: new Uint16Array(count),
    acsHidden: new Uint16Array(count),
    ats: new Uint8Array(count),
    secondary: new Float64Array(count).fill(-1),
    subordinate: new Float64Array(count).fill(-1),
    busKey: new Float64Array(count),
  };
  functions.forEach((fn, index) => {
    registers.bus[index] = busOf(topology, index);
    registers.busKey[index] = busKeyOf(fn.bdf);
    readCommand(registers, index, fn);
    readAcs(registers, index, fn);
    registers.ats[index] = readAts(fn);
    readBridge(registers, index, fn);
  });
  return registers;
}

function busOf(topology: Topology, index: number): number {
  const parent = topology.parentOf(index);
  if (parent !== undefined) return parent;
  const root = topology.isOnRootBus(index) ? topology.rootOf(index) : undefined;
  return root === undefined ? -1 : topology.functions.length + root;
}

function readCommand(registers: FabricRegisters, index: number, fn: PciFunction): void {
  if (isUnknown(fn.command)) {
    registers.commandHidden[index] = 1;
    return;
  }
  // MODEL: the VFs of a machine decode memory: their own enable bit is hardwired to 0 (PCIe 6.0 sec 9.3.4.1.3), and the
  // VF MSE bit of the physical function is on in every system that uses VFs; the gate `vf-memory-off` tells where it is not.
  const isVirtual = !isUnknown(fn.physicalFunction) && fn.physicalFunction !== null;
  registers.command[index] = isVirtual ? fn.command | PCI_COMMAND_MEMORY : fn.command;
}

function readAcs(registers: FabricRegisters, index: number, { acs }: PciFunction): void {
  if (acs === null) return;
  if (isUnknown(acs)) {
    registers.acsHidden[index] = ALL_BITS;
    return;
  }
  registers.acs[index] = acs.control;
  registers.acsHidden[index] = acs.uncertain ?? 0;
}

/** A capability whose enable bit the source leaves out, as a scenario's, counts as on. */
function readAts({ capabilities }: PciFunction): number {
  if (isUnknown(capabilities)) return 2;
  const ats = capabilities.find(({ space, id }) => space === "extended" && id === PCI_EXT_CAP_ID_ATS);
  return ats === undefined || ats.decoded["enabled"] === false ? 0 : 1;
}

function readBridge(registers: FabricRegisters, index: number, { bdf, bridge, express }: PciFunction): void {
  if (isUnknown(bridge) || bridge === null) return;
  registers.isBridge[index] = 1;
  // A secondary bus that is not above the bridge's own, 0 among them, is one that nobody configured (`buildTopology`).
  if (bridge.secondary > busNumberOf(bdf)) {
    const domain = domainOf(bdf) * 0x100;
    registers.secondary[index] = domain + bridge.secondary;
    registers.subordinate[index] = domain + bridge.subordinate;
  }
  if (!isUnknown(express) && express === null) return;
  const type = isUnknown(express) ? express : express.type;
  // A bridge of a hidden kind may be a port: then what Upstream Forwarding would decide is hidden as well.
  if (isUnknown(type)) registers.acsHidden[index] = entryAt(registers.acsHidden, index) | PCI_ACS_UF;
  else if (type !== "root-port" && type !== "downstream-port") return;
  registers.isPort[index] = 1;
  registers.isShared[index] = 0;
}

/** Why a part of a function is hidden, with the function's name in front. */
export function hiddenOf(fn: PciFunction | undefined, what: string, reason: string): string {
  return fn === undefined ? reason : `${what} of ${formatBdf(fn.bdf)}: ${reason}`;
}
