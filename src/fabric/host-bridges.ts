import type { HostBridgeWindow, Machine } from "../host/machine.ts";
import type { ByteRange } from "../pci/addresses.ts";
import { formatBus } from "../pci/bdf.ts";
import { noEntry } from "../pci/entry-at.ts";
import { isUnknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import { type Claim, DecodeTable } from "./decode-table.ts";
import type { FabricOptions } from "./options.ts";

/** In {@link RootDecode}: the address is DRAM, nothing, or depends on what the source hides. */
export const ROOT_DRAM = -1;
export const ROOT_NOTHING = -2;
export const ROOT_HIDDEN = -3;

/** All CPU physical addresses are on one table. */
const CPU_SIDE = 0;

/** Decodes addresses at the root complex: windows of the host bridges on both sides, and DRAM. */
export class HostBridges {
  /** Why the windows of a root bus (by index) are hidden, `null` where they are shown. */
  readonly #hidden: readonly (string | null)[];
  readonly #anyHidden: string | null;
  readonly #windows: readonly { readonly root: number; readonly busOffset: number }[];
  /** Owner: the index of the window. */
  readonly #busSide: DecodeTable;
  readonly #cpuSide: DecodeTable;
  readonly #ram: DecodeTable | null;
  readonly #ramOffset: Float64Array;
  #phys = 0;
  #busAddress = 0;
  #end = 0;

  constructor(machine: Machine, topology: Topology, options: FabricOptions) {
    const { roots } = topology;
    const bridges = isUnknown(machine.hostBridges) ? [] : machine.hostBridges;
    const hidden = roots.map(({ rootBus }): string | null => hiddenWindows(machine, rootBus));
    const unseen = bridges.find(({ windows }) => isUnknown(windows));
    const anyHidden = hidden.find((reason) => reason !== null) ?? null;
    this.#anyHidden =
      anyHidden ?? (unseen !== undefined && isUnknown(unseen.windows) ? unseen.windows.unknown : anyHidden);
    const windows: { root: number; busOffset: number }[] = [];
    const busSide: Claim[] = [];
    const cpuSide: Claim[] = [];
    for (const bridge of bridges) {
      const root = roots.findIndex(({ rootBus }) => rootBus === bridge.rootBus);
      for (const window of isUnknown(bridge.windows) ? [] : bridge.windows) {
        if (window.kind !== "memory" || isUnknown(window.busStart)) continue;
        const owner = windows.push({ root, busOffset: window.busStart - window.physStart }) - 1;
        const end = window.physStart + window.sizeBytes;
        cpuSide.push({ bus: CPU_SIDE, start: window.physStart, end, owner, detail: 0 });
        if (root >= 0) busSide.push(busClaim(window, window.busStart, root, owner));
      }
    }
    this.#hidden = hidden;
    this.#windows = windows;
    this.#busSide = new DecodeTable(roots.length, busSide);
    this.#cpuSide = new DecodeTable(1, cpuSide);
    this.#ram = options.ram === undefined ? null : new DecodeTable(1, options.ram.map(ramClaim));
    this.#ramOffset = Float64Array.from(roots, ({ rootBus }) => options.ramBusOffset?.(rootBus) ?? 0);
  }

  /** CPU physical address of the last decode. */
  get phys(): number {
    return this.#phys;
  }

  /** Bus address of the last decode, where a window holds the address. */
  get busAddress(): number {
    return this.#busAddress;
  }

  /** End (exclusive, CPU physical) of the range of DRAM that the last decode found. */
  get end(): number {
    return this.#end;
  }

  /** Why the last decode gave {@link ROOT_HIDDEN}. */
  hiddenReason(root: number): string {
    return this.#hidden[root] ?? this.#anyHidden ?? "the host bridges are not shown";
  }

  /**
   * Where a bus address leads that came up from a root bus: the root bus (by index) of the window that holds it, else
   * one of the negatives. The host bridge's own windows come first, on their bus side; everything else is a CPU physical
   * address as the host bridge shows it.
   */
  fromBus(root: number, busAddress: number): number {
    const entry = this.#busSide.find(root, busAddress);
    if (entry >= 0) {
      const window = this.#windows[this.#busSide.ownerOf(entry)];
      this.#busAddress = busAddress;
      this.#phys = busAddress - (window?.busOffset ?? 0);
      return root;
    }
    const phys = busAddress - (this.#ramOffset[root] ?? noEntry(root));
    if (this.#ram === null && (this.#hidden[root] ?? null) !== null) return ROOT_HIDDEN;
    return this.fromCpu(phys);
  }

  /** Where a CPU physical address leads; as {@link fromBus}. A window of a host bridge without functions leads nowhere. */
  fromCpu(phys: number): number {
    this.#phys = phys;
    if (this.#ram !== null) {
      const entry = this.#ram.find(0, phys);
      if (entry >= 0) {
        this.#end = this.#ram.endOf(entry);
        return ROOT_DRAM;
      }
    }
    const entry = this.#cpuSide.find(CPU_SIDE, phys);
    if (entry >= 0) {
      const window = this.#windows[this.#cpuSide.ownerOf(entry)];
      this.#busAddress = phys + (window?.busOffset ?? 0);
      return window === undefined || window.root < 0 ? ROOT_NOTHING : window.root;
    }
    if (this.#anyHidden !== null) return ROOT_HIDDEN;
    if (this.#ram !== null || phys < 0) return ROOT_NOTHING;
    this.#end = Number.POSITIVE_INFINITY;
    return ROOT_DRAM;
  }

  /** Bus addresses, below whichever root bus, at which anything may be decoded differently. */
  edges(): readonly number[] {
    const phys = [...this.#cpuSide.edges(), ...(this.#ram?.edges() ?? [])];
    const offsets = new Set([0, ...this.#ramOffset]);
    return [...this.#busSide.edges(), ...[...offsets].flatMap((offset) => phys.map((edge) => edge + offset))];
  }

  /** Bus address minus CPU physical address where a root bus has a CPU physical address, `null` outside its windows. */
  busOffsetAt(root: number, phys: number): number | null {
    const entry = this.#cpuSide.find(CPU_SIDE, phys);
    const window = entry < 0 ? undefined : this.#windows[this.#cpuSide.ownerOf(entry)];
    return window === undefined || window.root !== root ? null : window.busOffset;
  }
}

function hiddenWindows(machine: Machine, rootBus: number): string | null {
  if (isUnknown(machine.hostBridges)) return machine.hostBridges.unknown;
  const bridge = machine.hostBridges.find((one) => one.rootBus === rootBus);
  if (bridge === undefined) return `the source lists no host bridge for root bus ${formatBus(rootBus)}`;
  if (isUnknown(bridge.windows)) return bridge.windows.unknown;
  for (const { kind, busStart } of bridge.windows) {
    if (kind === "memory" && isUnknown(busStart)) return busStart.unknown;
  }
  return null;
}

function busClaim({ sizeBytes }: HostBridgeWindow, start: number, bus: number, owner: number): Claim {
  return { bus, start, end: start + sizeBytes, owner, detail: 0 };
}

function ramClaim({ start, sizeBytes }: ByteRange): Claim {
  return { bus: 0, start, end: start + sizeBytes, owner: 0, detail: 0 };
}
