import type { ByteRange } from "../pci/addresses.ts";
import type { Bar } from "../pci/bar.ts";
import { PCI_COMMAND_MEMORY } from "../pci/config-space.ts";
import { entryAt } from "../pci/entry-at.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import { type Claim, DecodeTable } from "./decode-table.ts";
import type { HostBridges } from "./host-bridges.ts";
import { type FabricRegisters, hiddenOf } from "./registers.ts";

/** The detail of a bridge window's claim; that of a BAR's is its position in {@link FabricBars}. */
export const WINDOW = -1;

/** The expansion ROM's index among BARs. MODEL: ROMs claim nothing; firmware leaves their decode off. */
const EXPANSION_ROM = 6;

/** The memory BARs with an address, as flat arrays by position. */
export interface FabricBars {
  readonly count: number;
  /** Index of the function, and of the BAR in it. */
  readonly fn: Int32Array;
  readonly index: Int32Array;
  /** Bus address. */
  readonly start: Float64Array;
  readonly sizeBytes: Float64Array;
  /** Position of a function's BAR, -1 where it has no such BAR with an address. */
  positionOf(fn: number, bar: number): number;
}

/** Who claims addresses and bus numbers on each bus, after the command registers. */
export interface BusClaims {
  /** Memory addresses; details are BAR positions or {@link WINDOW}. */
  readonly memory: DecodeTable;
  /** Bus numbers (`busKeyOf`) of the bridges. */
  readonly ids: DecodeTable;
  /** Why something on a bus may claim more than `memory` has; `undefined` where all is shown. */
  readonly hidden: readonly (string | undefined)[];
}

interface PlacedBar extends ByteRange {
  readonly fn: number;
  readonly index: number;
}

/** Finds the BARs of all functions; those whose address or size is hidden are left to {@link claimsOf}. */
export function barsOf(registers: FabricRegisters, hostBridges: HostBridges): FabricBars {
  const placed: PlacedBar[] = [];
  registers.topology.functions.forEach((fn, index) => {
    for (const bar of isUnknown(fn.bars) ? [] : fn.bars) {
      const one = placeBar(registers, hostBridges, index, bar);
      if (one !== null && typeof one !== "string") placed.push(one);
    }
  });
  const positions = new Map(placed.map(({ fn, index }, position) => [fn * 8 + index, position]));
  return {
    count: placed.length,
    fn: Int32Array.from(placed, ({ fn }) => fn),
    index: Int32Array.from(placed, ({ index }) => index),
    start: Float64Array.from(placed, ({ start }) => start),
    sizeBytes: Float64Array.from(placed, ({ sizeBytes }) => sizeBytes),
    positionOf: (fn, bar) => positions.get(fn * 8 + bar) ?? -1,
  };
}

/** A BAR with its place, `null` for one that claims nothing, or why its place is hidden. */
function placeBar(
  { topology }: FabricRegisters,
  hostBridges: HostBridges,
  fn: number,
  bar: Bar,
): PlacedBar | string | null {
  if (bar.kind !== "memory" || bar.index === EXPANSION_ROM || bar.busAddress === null) return null;
  const { sizeBytes, physAddress, index } = bar;
  const root = topology.rootOf(fn);
  let start: Known<number> = bar.busAddress;
  // The system assigned an address and the register is not readable: what the host bridge makes of it is the register.
  if (isUnknown(start) && !isUnknown(physAddress) && physAddress !== null && root !== undefined) {
    const offset = hostBridges.busOffsetAt(root, physAddress);
    if (offset !== null) start = physAddress + offset;
  }
  if (isUnknown(start)) return hiddenOf(topology.functions[fn], `BAR ${index}`, start.unknown);
  if (isUnknown(sizeBytes)) return hiddenOf(topology.functions[fn], `size of BAR ${index}`, sizeBytes.unknown);
  return sizeBytes > 0 ? { fn, index, start, sizeBytes } : null;
}

/** Builds the tables from the BARs and windows of all functions whose memory decode is on. */
export function claimsOf(registers: FabricRegisters, hostBridges: HostBridges, bars: FabricBars): BusClaims {
  const memory: Claim[] = [];
  const ids: Claim[] = [];
  const hidden: (string | undefined)[] = new Array(registers.busCount).fill(undefined);
  for (let fn = 0; fn < registers.count; fn++) {
    const bus = entryAt(registers.bus, fn);
    if (bus < 0) continue;
    const secondary = entryAt(registers.secondary, fn);
    if (secondary >= 0)
      ids.push({ bus, start: secondary, end: entryAt(registers.subordinate, fn) + 1, owner: fn, detail: 0 });
    hidden[bus] ??= hiddenClaims(registers, hostBridges, fn);
    if (decodesMemory(registers, fn)) for (const claim of windowsOf(registers, fn, bus)) memory.push(claim);
  }
  for (let position = 0; position < bars.count; position++) {
    const fn = entryAt(bars.fn, position);
    const bus = entryAt(registers.bus, fn);
    if (bus < 0 || !decodesMemory(registers, fn)) continue;
    const start = entryAt(bars.start, position);
    memory.push({ bus, start, end: start + entryAt(bars.sizeBytes, position), owner: fn, detail: position });
  }
  return { memory: new DecodeTable(registers.busCount, memory), ids: new DecodeTable(registers.busCount, ids), hidden };
}

function decodesMemory({ command }: FabricRegisters, fn: number): boolean {
  return (entryAt(command, fn) & PCI_COMMAND_MEMORY) !== 0;
}

/** MODEL: VGA and ISA forwarding of the bridge control register are not looked at. */
function windowsOf({ topology }: FabricRegisters, fn: number, bus: number): readonly Claim[] {
  const bridge = topology.functions[fn]?.bridge;
  if (bridge === undefined || bridge === null || isUnknown(bridge) || isUnknown(bridge.windows)) return [];
  return bridge.windows
    .filter(({ kind }) => kind !== "io")
    .map(({ start, size }): Claim => ({ bus, start, end: start + size, owner: fn, detail: WINDOW }));
}

function hiddenClaims(registers: FabricRegisters, hostBridges: HostBridges, index: number): string | undefined {
  const fn = registers.topology.functions[index];
  if (fn === undefined) return undefined;
  if (registers.commandHidden[index] === 1) return hiddenOf(fn, "command register", "the source does not show it");
  if (decodesMemory(registers, index)) {
    if (isUnknown(fn.bars)) return hiddenOf(fn, "BARs", fn.bars.unknown);
    for (const bar of fn.bars) {
      const one = placeBar(registers, hostBridges, index, bar);
      if (typeof one === "string") return one;
    }
    if (isUnknown(fn.bridge)) return hiddenOf(fn, "bridge registers", fn.bridge.unknown);
    if (fn.bridge !== null && isUnknown(fn.bridge.windows)) return hiddenOf(fn, "windows", fn.bridge.windows.unknown);
  }
  return undefined;
}
