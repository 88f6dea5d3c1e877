import { type Address, Addresses } from "../../host/addresses.ts";
import type { Machine } from "../../host/machine.ts";
import { topologyOf } from "../../host/machine.ts";
import { type Bdf, busKeyOf, devfnOf } from "../../pci/bdf.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown, type Known, unknown } from "../../pci/known.ts";
import type { Topology } from "../../pci/topology.ts";
import { physicalOf } from "../../pci/virtual-functions.ts";

const numbersToCome = unknown(
  "bridges are elsewhere than before, and which numbers firmware gives to buses then is not known",
);

/**
 * The machine with the addresses that functions have after moves, beside their names. MODEL: firmware numbers buses depth
 * first in the order of devices, so that bridges keep their numbers where no bridge is elsewhere, and a card has the number
 * of its new port's bus. Where one is, they are counted anew if there are no gaps in them now; else only those before the
 * first change are known.
 */
export function withNewAddresses(before: Machine, after: Machine): Machine {
  if (before.functions === after.functions) return after;
  const renumbered = new Renumbering(before, after).all();
  const { renumbered: _, ...asNamed } = after;
  return renumbered.size === 0 ? asNamed : { ...after, renumbered };
}

/** What firmware makes of the bus numbers below one root bus. */
type Numbering =
  | { readonly kind: "counted"; readonly secondary: ReadonlyMap<number, number> }
  /** Bus numbers up to this one are as they were. */
  | { readonly kind: "kept"; readonly upTo: number };

class Renumbering {
  readonly #old: Topology;
  readonly #new: Topology;
  readonly #oldAddresses: Addresses;
  readonly #numberings = new Map<number, Numbering>();
  readonly #addresses = new Map<number, Address>();

  constructor(before: Machine, after: Machine) {
    this.#old = topologyOf(before);
    this.#new = topologyOf(after);
    this.#oldAddresses = new Addresses(before, this.#old);
    this.#numberRoots();
  }

  /** The addresses that are not what the names say. */
  all(): ReadonlyMap<Bdf, Address> {
    const names = new Addresses({}, this.#new);
    const changed = new Map<Bdf, Address>();
    for (const index of this.#new.preorder) {
      const fn = this.#new.functionAt(index);
      const address = this.#addressOf(index, fn);
      this.#addresses.set(index, address);
      const own = names.of(fn);
      const isOwn = address.bus === own.bus && address.devfn === own.devfn && address.secondary === own.secondary;
      if (!isOwn) changed.set(fn.bdf, address);
    }
    return changed;
  }

  /** True for what hangs elsewhere than before, or is new. */
  #isElsewhere(fn: PciFunction): boolean {
    if (!this.#old.has(fn.bdf)) return true;
    return this.#old.bridgeAbove(fn.bdf)?.bdf !== this.#new.bridgeAbove(fn.bdf)?.bdf;
  }

  /** Root buses below which a bridge, or a card with virtual functions on buses of its own, comes or goes. */
  #numberRoots(): void {
    const upTo = new Map<number, number>();
    const changeBelow = (topology: Topology, index: number): void => {
      const root = topology.rootBusOf(index)?.rootBus;
      const above = topology.parentOf(index);
      if (root === undefined || above === undefined) return;
      const bridge = topology.functionAt(above);
      const { secondary } = this.#oldAddresses.of(bridge);
      // What is below a bridge that is elsewhere itself comes behind the change of that one.
      if (topology === this.#new && this.#isElsewhere(bridge)) return;
      upTo.set(root, Math.min(upTo.get(root) ?? Infinity, typeof secondary === "number" ? secondary : -1));
    };
    this.#new.functions.forEach((fn, index) => {
      if (!this.#isElsewhere(fn) || !takesBuses(fn)) return;
      changeBelow(this.#new, index);
      if (this.#old.has(fn.bdf)) changeBelow(this.#old, this.#old.indexOf(fn.bdf));
    });
    for (const [root, last] of upTo) this.#numberings.set(root, this.#numbering(root, last));
  }

  #numbering(root: number, upTo: number): Numbering {
    const devfn = (fn: PciFunction): number => this.#oldAddresses.of(fn).devfn;
    const now = countedBuses(this.#old, root, devfn);
    const isCounted = [...now].every(
      ([index, bus]) => this.#oldAddresses.of(this.#old.functionAt(index)).secondary === bus,
    );
    if (!isCounted) return { kind: "kept", upTo };
    return { kind: "counted", secondary: countedBuses(this.#new, root, devfn) };
  }

  #secondaryOf(index: number, fn: PciFunction): Address["secondary"] {
    const own = this.#old.has(fn.bdf) ? this.#oldAddresses.of(fn).secondary : numbersToCome;
    const root = this.#new.rootBusOf(index)?.rootBus;
    const numbering = root === undefined ? undefined : this.#numberings.get(root);
    if (fn.bridge === null || numbering === undefined) return own;
    if (numbering.kind === "counted") return numbering.secondary.get(index) ?? numbersToCome;
    const isKept = typeof own === "number" && own <= numbering.upTo && !this.#isElsewhere(fn);
    return isKept ? own : numbersToCome;
  }

  #addressOf(index: number, fn: PciFunction): Address {
    const own = this.#oldAddresses.of(fn);
    return { ...this.#placeOf(index, fn, own), secondary: this.#secondaryOf(index, fn) };
  }

  #placeOf(index: number, fn: PciFunction, own: Address): Pick<Address, "bus" | "devfn"> {
    const above = this.#new.parentOf(index);
    if (above === undefined) return own;
    const physical = physicalOf(fn);
    if (physical !== undefined && this.#new.has(physical)) return this.#virtualPlace(fn, physical);
    const bridge = this.#new.functionAt(above);
    const bus = this.#secondaryAbove(above, bridge);
    if (!this.#isElsewhere(fn)) {
      return bus === this.#oldAddresses.of(bridge).secondary ? own : { bus: busOrReason(bus), devfn: own.devfn };
    }
    // The one device at the end of a link is device 0.
    const old = this.#old.has(fn.bdf) ? this.#old.bridgeAbove(fn.bdf) : undefined;
    const comesToLink = isLinkPort(bridge) && old !== undefined && !isLinkPort(old);
    return { bus: busOrReason(bus), devfn: comesToLink ? own.devfn % 8 : own.devfn };
  }

  #secondaryAbove(above: number, bridge: PciFunction): Address["secondary"] {
    return this.#addresses.get(above)?.secondary ?? this.#oldAddresses.of(bridge).secondary;
  }

  /** Virtual functions keep their distance from their physical one (PCIe 6.0 sec 9.2.1.2). */
  #virtualPlace(fn: PciFunction, physical: Bdf): Pick<Address, "bus" | "devfn"> {
    const index = this.#new.indexOf(physical);
    const { bus, devfn } = this.#placeOf(
      index,
      this.#new.functionAt(index),
      this.#oldAddresses.of(this.#new.functionAt(index)),
    );
    const offset = devfn + (fn.bdf - physical);
    return {
      bus: isUnknown(bus) ? bus : bus + Math.floor(offset / 0x100),
      devfn: devfnOf((offset + 0x100_0000) as Bdf),
    };
  }
}

function busOrReason(secondary: Address["secondary"]): Known<number> {
  return secondary === null ? numbersToCome : secondary;
}

function isLinkPort({ express }: PciFunction): boolean {
  return (
    !isUnknown(express) && express !== null && (express.type === "root-port" || express.type === "downstream-port")
  );
}

/** True for what needs more buses than the one that it is on: a bridge, or what may be one, and many virtual functions. */
function takesBuses(fn: PciFunction): boolean {
  return fn.bridge !== null || busesBeyond(fn) > 0;
}

/** The buses directly below the bridges of a root bus, by index, counted depth first in the order of devices without gaps. */
function countedBuses(
  topology: Topology,
  rootBus: number,
  devfnOfFunction: (fn: PciFunction) => number,
): ReadonlyMap<number, number> {
  const inOrder = (indices: readonly number[]): readonly number[] => {
    const devfn = (index: number): number => devfnOfFunction(topology.functionAt(index));
    return indices.filter((index) => topology.functionAt(index).bridge !== null).sort((a, b) => devfn(b) - devfn(a));
  };
  const counted = new Map<number, number>();
  const root = topology.roots.find((one) => one.rootBus === rootBus);
  const stack = [...inOrder(root?.functions ?? [])];
  let last = rootBus;
  for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
    counted.set(index, ++last);
    const below = topology.children(index);
    last += Math.max(0, ...below.map((child) => busesBeyond(topology.functionAt(child))));
    stack.push(...inOrder(below));
  }
  return counted;
}

/** So many buses beyond that of a physical function its virtual ones may take, or a virtual one is seen on. */
function busesBeyond(fn: PciFunction): number {
  const { bdf, sriov } = fn;
  const physical = physicalOf(fn);
  if (physical !== undefined) return busKeyOf(bdf) - busKeyOf(physical);
  if (isUnknown(sriov) || sriov === null || sriov.totalVfs === 0) return 0;
  const last = devfnOf(bdf) + sriov.firstVfOffset + (sriov.totalVfs - 1) * sriov.vfStride;
  return Math.floor(last / 0x100);
}
