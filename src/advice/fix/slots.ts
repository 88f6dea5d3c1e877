import type { Machine } from "../../host/machine.ts";
import { type Bdf, slotOf } from "../../pci/bdf.ts";
import type { LinkState } from "../../pci/express.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown } from "../../pci/known.ts";
import type { Topology } from "../../pci/topology.ts";
import { physicalOf } from "../../pci/virtual-functions.ts";
import { type AcsParameters, acsParameters } from "../../rules/acs-parameters.ts";
import type { Change } from "../what-if/change.ts";

/** A port with a slot that takes a device: an empty one, or one whose device can make room. */
export interface Slot {
  /** Index of the port. */
  readonly port: number;
  /** The device that is there now, by one of its functions; `null` for none. */
  readonly occupant: Bdf | null;
}

/** Every slot that may take a device, in enumeration order. A port that leads to another bridge has none. */
export function slotsOf(topology: Topology): readonly Slot[] {
  return topology.functions.flatMap((fn, port): Slot[] => {
    if (!isSlotPort(fn)) return [];
    const below = topology
      .children(port)
      .map((index) => topology.functionAt(index))
      .filter((one) => physicalOf(one) === undefined);
    const [first] = below;
    if (first === undefined) return [{ port, occupant: null }];
    const isOneDevice = below.every((one) => slotOf(one.bdf) === slotOf(first.bdf));
    return isOneDevice && below.every((one) => one.bridge === null) ? [{ port, occupant: first.bdf }] : [];
  });
}

/** True for a port that a slot may be below: Slot Implemented off means a device on the board, or a link that leads nowhere. */
function isSlotPort({ express }: PciFunction): boolean {
  if (isUnknown(express) || express === null || express.slotImplemented === false) return false;
  return express.type === "root-port" || express.type === "downstream-port";
}

/** Empty slots first, the fastest of each before the others: of places that look alike the first is taken. */
export function inOrderOfUse(topology: Topology, slots: readonly Slot[]): readonly Slot[] {
  const rate = ({ port }: Slot): number => {
    const link = linkOf(topology.functionAt(port));
    return link === undefined ? Number.POSITIVE_INFINITY : rateOf(link);
  };
  const order = (a: Slot, b: Slot): number => Number(a.occupant !== null) - Number(b.occupant !== null);
  return slots.toSorted((a, b) => order(a, b) || (rate(a) === rate(b) ? 0 : rate(b) - rate(a)));
}

/** What a link can do at most; `undefined` where the source hides it, or there is none. */
export function linkOf({ express }: PciFunction): LinkState | undefined {
  if (isUnknown(express) || express === null) return undefined;
  const { linkCapable } = express;
  return linkCapable === null || isUnknown(linkCapable) || linkCapable.width === 0 ? undefined : linkCapable;
}

/** Lanes times GT/s, to compare links by. */
function rateOf({ speedGTps, width }: LinkState): number {
  return speedGTps * width;
}

/** A device in a slot whose link does less than the device can. */
export interface Narrow {
  readonly device: Bdf;
  readonly under: Bdf;
  readonly slot: LinkState;
  readonly needed: LinkState;
}

/** The devices of some changes that come into slots which are narrower or slower than they are, as far as the source shows. */
export function narrowMoves(topology: Topology, changes: readonly Change[]): readonly Narrow[] {
  return changes.flatMap((change): Narrow[] => {
    if (change.kind !== "move") return [];
    const { device, under } = change;
    const port = topology.find(under);
    const [slot, needed] = [port === undefined ? undefined : linkOf(port), linkOf(topology.functionOf(device))];
    if (slot === undefined || needed === undefined || rateOf(slot) >= rateOf(needed)) return [];
    return [{ device, under, slot, needed }];
  });
}

/** `x4 at 8 GT/s`. */
export function linkText({ speedGTps, width }: LinkState): string {
  return `x${width} at ${speedGTps} GT/s`;
}

/** The slot that a device is in; `undefined` where it is in none: only what hangs alone from a port was put there by hand. */
export function slotOfDevice(topology: Topology, slots: readonly Slot[], device: Bdf): Slot | undefined {
  const above = topology.parentOf(topology.indexOf(device));
  const slot = slots.find(({ port }) => port === above);
  return slot?.occupant != null && slotOf(slot.occupant) === slotOf(device) ? slot : undefined;
}

/** Tells slots apart by all of their ports that decides a verdict, before a boot and after it: places of one name are one. */
export class Places {
  readonly #topology: Topology;
  readonly #parameters: AcsParameters;
  readonly #looks: Map<number, string> = new Map();

  constructor(machine: Machine, topology: Topology) {
    this.#topology = topology;
    this.#parameters = acsParameters(machine);
  }

  /** What a verdict sees of a port. */
  #look(port: number): string {
    const known = this.#looks.get(port);
    if (known !== undefined) return known;
    const fn = this.#topology.functionAt(port);
    const type = isUnknown(fn.express) ? fn.express : fn.express?.type;
    const look = JSON.stringify([fn.vendorId, fn.deviceId, type, fn.acs, this.#parameters.asksOf(fn)]);
    this.#looks.set(port, look);
    return look;
  }

  /** What parameters by address ask of a card that comes into a slot, which is no part of what its port looks like. */
  #slot(port: number): string {
    const asks = this.#parameters.asksBelow(this.#topology.functionAt(port));
    return asks.length === 0 ? "" : ` asks ${asks.join(", ")}`;
  }

  #arm(port: number, end: number | undefined): string {
    const looks: string[] = [];
    for (let at: number | undefined = port; at !== undefined && at !== end; at = this.#topology.parentOf(at)) {
      looks.push(this.#look(at));
    }
    return looks.join(" ");
  }

  #meeting(port: number, other: number): number | undefined {
    let meeting: number | undefined = port;
    while (meeting !== undefined && !this.#topology.isAtOrBelow(other, meeting)) {
      meeting = this.#topology.parentOf(meeting);
    }
    return meeting;
  }

  /** A slot as a place for a device whose peer stays where it is. */
  near(port: number, other: number): string {
    const meeting = this.#meeting(port, other);
    const top = meeting === undefined ? `root ${this.#topology.rootOf(port)}` : `below ${meeting}`;
    return `${top} ${this.#arm(port, meeting)}${this.#slot(port)}`;
  }

  /** Two slots as places for both devices. */
  both(first: number, second: number): string {
    const meeting = this.#meeting(first, second);
    const above = meeting === undefined ? "apart" : this.#arm(meeting, undefined);
    const roots = [this.#topology.rootOf(first), this.#topology.rootOf(second)];
    const arms = [first, second].map((port) => `${this.#arm(port, meeting)}${this.#slot(port)}`);
    return [...roots, above, ...arms].join(" | ");
  }

  /** Slots of one bridge that look alike: two of them are enough to try all that they can do together. */
  siblings(port: number): string {
    return `${this.#topology.parentOf(port) ?? `root ${this.#topology.rootOf(port)}`} ${this.#look(port)}${this.#slot(port)}`;
  }
}

/** The slots without those of which a bridge has more than two alike; those that cards of the pairs leave count by themselves. */
export function twoOfEach(places: Places, slots: readonly Slot[], left: readonly Slot[]): readonly Slot[] {
  const counts = new Map<string, number>();
  return slots.filter((slot) => {
    if (left.includes(slot)) return true;
    const siblings = places.siblings(slot.port);
    const count = (counts.get(siblings) ?? 0) + 1;
    counts.set(siblings, count);
    return count <= 2;
  });
}
