import { isKernelName } from "../../host/redaction/kernel-names.ts";
import { functionOf } from "../../pci/bdf.ts";
import { isBridge } from "../../pci/device-kind.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown } from "../../pci/known.ts";
import type { Topology } from "../../pci/topology.ts";
import { physicalOf } from "../../pci/virtual-functions.ts";
import { matchRoots } from "./match-roots.ts";
import { Matching, NO_MATCH, placesBelow } from "./matching.ts";

/**
 * Which functions of two machines are the same devices. Bus numbers are none of it: they shift when a drive is put in.
 *
 * 1. By place and ids: the same root bus, then the same device and function numbers down through the same bridges.
 * 2. Switches that are elsewhere, by their ids, with what is below them in the same places.
 * 3. Bridges and the chipset's functions by place alone: the devices below another switch are the same all the same.
 * 4. Where the place is hidden, by address and ids.
 * 5. Devices elsewhere: by ids, names and traits without a serial number, as many on both sides. Alike ones keep their order.
 *
 * Two other devices in one place are `replaced`. Two alike cards that changed places cannot be told from two that did not.
 */
export function matchDevices(before: Topology, after: Topology): Matching {
  const matcher = new DeviceMatcher(before, after);
  return matcher.match();
}

class DeviceMatcher {
  readonly #before: Topology;
  readonly #after: Topology;
  readonly #earlier: Int32Array;
  readonly #later: Int32Array;
  readonly #earlierRoot: Int32Array;
  /** Functions below the same bridge on both sides, or on the same root bus. */
  readonly #levels: (readonly [before: readonly number[], after: readonly number[]])[] = [];
  readonly #queue: (readonly [before: number, after: number])[] = [];

  constructor(before: Topology, after: Topology) {
    this.#before = before;
    this.#after = after;
    this.#earlier = new Int32Array(after.functions.length).fill(NO_MATCH);
    this.#later = new Int32Array(before.functions.length).fill(NO_MATCH);
    this.#earlierRoot = matchRoots(before, after);
  }

  match(): Matching {
    if (this.#isUnmoved()) {
      const earlier = this.#earlier.map((_, index) => index);
      return new Matching(this.#before, this.#after, { earlier, earlierRoot: this.#earlierRoot, replaced: [] });
    }
    this.#earlierRoot.forEach((old, root) => {
      const [above, below] = [this.#before.roots[old], this.#after.roots[root]];
      if (above !== undefined && below !== undefined) this.#level(above.functions, below.functions);
    });
    this.#walk();
    do this.#matchAlike(isSwitchTop, idsKey);
    while (this.#matchFixed());
    this.#matchByAddress();
    for (const key of [whollyAlike, alike, idsKey]) this.#matchAlike((fn) => !isBridge(fn), key);
    this.#matchVirtual();
    this.#matchInPlace();
    const { replaced } = this;
    return new Matching(this.#before, this.#after, {
      earlier: this.#earlier,
      earlierRoot: this.#earlierRoot,
      replaced,
    });
  }

  /** The same tree with like functions at the same addresses: all of what is below would find each in its place. */
  #isUnmoved(): boolean {
    const [before, after] = [this.#before, this.#after];
    if (before.functions.length !== after.functions.length || before.roots.length !== after.roots.length) return false;
    if (!this.#earlierRoot.every((old, root) => old === root)) return false;
    return after.functions.every((fn, index) => {
      const old = before.functionAt(index);
      return (
        old.bdf === fn.bdf &&
        before.parentOf(index) === after.parentOf(index) &&
        before.rootOf(index) === after.rootOf(index) &&
        before.isOnRootBus(index) === after.isOnRootBus(index) &&
        physicalOf(old) === physicalOf(fn) &&
        isLike(old, fn)
      );
    });
  }

  #isFree(old: number, now: number): boolean {
    return this.#later[old] === NO_MATCH && this.#earlier[now] === NO_MATCH;
  }

  /** Of those below one bridge some may still find each other: there are free ones on both sides. */
  #isOpen([old, now]: readonly [readonly number[], readonly number[]]): boolean {
    return (
      old.some((index) => this.#later[index] === NO_MATCH) && now.some((index) => this.#earlier[index] === NO_MATCH)
    );
  }

  #join(old: number, now: number): void {
    this.#later[old] = now;
    this.#earlier[now] = old;
    this.#queue.push([old, now]);
  }

  /** Matches what has the same place and ids below one bridge. */
  #level(old: readonly number[], now: readonly number[]): void {
    if (old.length === 0 || now.length === 0) return;
    this.#levels.push([old, now]);
    const [above, below] = [this.#own(this.#before, old), this.#own(this.#after, now)];
    for (const [from, to] of this.#samePlaces(above, below)) {
      if (this.#isFree(from, to) && isLike(this.#before.functionAt(from), this.#after.functionAt(to)))
        this.#join(from, to);
    }
  }

  /** Virtual functions are where their physical one is. */
  #own(topology: Topology, indices: readonly number[]): readonly number[] {
    return indices.filter((index) => {
      const physical = physicalOf(topology.functionAt(index));
      return physical === undefined || !topology.has(physical);
    });
  }

  #samePlaces(old: readonly number[], now: readonly number[]): readonly (readonly [number, number])[] {
    const places = placesBelow(this.#before, old);
    return [...placesBelow(this.#after, now)].flatMap(([place, index]) => {
      const from = places.get(place);
      return from === undefined ? [] : [[from, index] as const];
    });
  }

  #walk(): void {
    for (let pair = this.#queue.pop(); pair !== undefined; pair = this.#queue.pop()) {
      const [old, now] = pair;
      this.#level(this.#before.children(old), this.#after.children(now));
    }
  }

  /** Bridges and functions of the chipset in the same place, of other ids; true where there were any. */
  #matchFixed(): boolean {
    let isAny = false;
    for (let at = 0; at < this.#levels.length; at++) {
      const level = this.#levels[at] as readonly [readonly number[], readonly number[]];
      if (!this.#isOpen(level)) continue;
      const [old, now] = level;
      for (const [from, to] of this.#samePlaces(this.#own(this.#before, old), this.#own(this.#after, now))) {
        const [one, other] = [this.#before.functionAt(from), this.#after.functionAt(to)];
        if (!this.#isFree(from, to) || !isFixed(one) || !isFixed(other) || !isSamePort(one, other)) continue;
        this.#join(from, to);
        isAny = true;
      }
    }
    this.#walk();
    return isAny;
  }

  #matchByAddress(): void {
    const hasPlace = (topology: Topology, index: number): boolean => topology.rootOf(index) !== undefined;
    this.#after.functions.forEach((fn, now) => {
      if (!this.#before.has(fn.bdf)) return;
      const old = this.#before.indexOf(fn.bdf);
      if (!this.#isFree(old, now) || (hasPlace(this.#before, old) && hasPlace(this.#after, now))) return;
      if (!isLike(this.#before.functionAt(old), fn)) return;
      this.#join(old, now);
      this.#walk();
    });
  }

  /** Functions of one kind that are as many on both sides, in their order. */
  #matchAlike(isOfKind: (fn: PciFunction) => boolean, keyOf: (fn: PciFunction) => string | undefined): void {
    const old = this.#gather(this.#before, this.#later, isOfKind, keyOf);
    for (const [key, now] of this.#gather(this.#after, this.#earlier, isOfKind, keyOf)) {
      const same = old.get(key) ?? [];
      if (same.length !== now.length) continue;
      for (const [at, from] of same.entries()) this.#join(from, now[at] as number);
    }
    this.#walk();
  }

  #gather(
    topology: Topology,
    matched: Int32Array,
    isOfKind: (fn: PciFunction) => boolean,
    keyOf: (fn: PciFunction) => string | undefined,
  ): ReadonlyMap<string, readonly number[]> {
    const groups = new Map<string, number[]>();
    topology.functions.forEach((fn, index) => {
      if (matched[index] !== NO_MATCH || !isOfKind(fn) || this.#own(topology, [index]).length === 0) return;
      const key = keyOf(fn);
      if (key === undefined) return;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [index]);
      else group.push(index);
    });
    return groups;
  }

  /** The first virtual function of a device is its first one on the other side, and so on. */
  #matchVirtual(): void {
    const old = virtualsOf(this.#before);
    for (const [physical, now] of virtualsOf(this.#after)) {
      const from = old.get(this.#earlier[physical] ?? NO_MATCH) ?? [];
      now.slice(0, from.length).forEach((index, at) => {
        if (this.#isFree(from[at] as number, index)) this.#join(from[at] as number, index);
      });
    }
  }

  /** Functions of which one side alone shows that they are virtual. */
  #matchInPlace(): void {
    for (const level of this.#levels) {
      if (!this.#isOpen(level)) continue;
      for (const [from, to] of this.#samePlaces(...level)) {
        if (this.#isFree(from, to) && isLike(this.#before.functionAt(from), this.#after.functionAt(to)))
          this.#join(from, to);
      }
    }
    const isVirtual = (fn: PciFunction): boolean => physicalOf(fn) !== undefined;
    this.#after.functions.forEach((fn, now) => {
      if (!this.#before.has(fn.bdf)) return;
      const old = this.#before.indexOf(fn.bdf);
      const earlier = this.#before.functionAt(old);
      if (isVirtual(earlier) !== isVirtual(fn) && this.#isFree(old, now) && isLike(earlier, fn)) this.#join(old, now);
    });
  }

  get replaced(): readonly (readonly [before: number, after: number])[] {
    return this.#levels
      .filter((level) => this.#isOpen(level))
      .flatMap((level) => this.#samePlaces(...level))
      .filter(([from, to]) => this.#isFree(from, to))
      .sort(([, a], [, b]) => a - b);
  }
}

function virtualsOf(topology: Topology): ReadonlyMap<number, readonly number[]> {
  const virtuals = new Map<number, number[]>();
  topology.functions.forEach((fn, index) => {
    const physical = physicalOf(fn);
    if (physical === undefined || !topology.has(physical)) return;
    const owner = topology.indexOf(physical);
    const own = virtuals.get(owner);
    if (own === undefined) virtuals.set(owner, [index]);
    else own.push(index);
  });
  return virtuals;
}

/**
 * True for two functions that nothing tells apart: both bridges or none, of the same ids; where those are hidden, of the
 * same class and name, as far as there are any.
 */
function isLike(old: PciFunction, now: PciFunction): boolean {
  if (isBridge(old) !== isBridge(now)) return false;
  if (!isUnknown(old.vendorId) && !isUnknown(old.deviceId) && !isUnknown(now.vendorId) && !isUnknown(now.deviceId))
    return old.vendorId === now.vendorId && old.deviceId === now.deviceId;
  if (!isUnknown(old.classCode) && !isUnknown(now.classCode) && old.classCode >>> 8 !== now.classCode >>> 8)
    return false;
  return old.label === null || now.label === null || old.label === now.label;
}

function idsOf({ vendorId, deviceId }: PciFunction): string | undefined {
  return isUnknown(vendorId) || isUnknown(deviceId) ? undefined : `${vendorId} ${deviceId}`;
}

/** What stays where it is when devices come and go. */
function isFixed(fn: PciFunction): boolean {
  if (isBridge(fn)) return true;
  return !isUnknown(fn.classCode) && fn.classCode >>> 16 === 0x06;
}

function portTypeOf({ express }: PciFunction): string | undefined {
  if (isUnknown(express)) return undefined;
  if (express === null) return "conventional";
  return isUnknown(express.type) ? undefined : express.type;
}

function isSamePort(old: PciFunction, now: PciFunction): boolean {
  if (isBridge(old) !== isBridge(now)) return false;
  const [one, other] = [portTypeOf(old), portTypeOf(now)];
  return one === undefined || other === undefined || one === other;
}

/** The upper end of a switch, or another bridge that is no port of something else. */
function isSwitchTop(fn: PciFunction): boolean {
  const type = portTypeOf(fn);
  return isBridge(fn) && type !== "root-port" && type !== "downstream-port";
}

/** Ids and function number, as the second port of a NIC is not its first; without ids, class and name. */
function idsKey(fn: PciFunction): string | undefined {
  const { classCode, label } = fn;
  const what = idsOf(fn) ?? (isUnknown(classCode) ? label : `class ${classCode} ${label ?? ""}`);
  return what === null ? undefined : `${functionOf(fn.bdf)} ${what}`;
}

function alike(fn: PciFunction): string | undefined {
  const key = idsKey(fn);
  return key === undefined ? undefined : JSON.stringify([key, fn.subsystem, fn.revision, fn.classCode]);
}

/** Names that people gave are left out of what is sent on: those of the kernel count. */
function whollyAlike(fn: PciFunction): string | undefined {
  const key = alike(fn);
  const name = fn.names.find(isKernelName);
  return key === undefined || name === undefined ? undefined : `${key} ${name}`;
}
