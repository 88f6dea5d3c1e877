import { PeerlaneError } from "../../pci/error.ts";
import type { ValuePath, YamlSource } from "../yaml/yaml-source.ts";
import type { NodeInput } from "./input.ts";
import type { At } from "./scalars.ts";

/** One item of a `below:` list with its place in the file. */
export interface Item {
  readonly input: NodeInput;
  readonly path: ValuePath;
}

/** What is one function, not a list of them. */
export type FunctionNodeInput = Exclude<NodeInput, { readonly kind: "functions" }>;

/** A function with its number on the bus. */
export interface Placement {
  readonly input: FunctionNodeInput;
  readonly path: ValuePath;
  readonly device: number;
  readonly function: number;
  readonly multifunction: boolean;
}

/** The device numbers that a bus can have. */
export interface Slots {
  /** First number given to a device without `at`. */
  readonly first: number;
  readonly last: number;
  /** Number that `at` may not name, `null` for none. */
  readonly reserved: number | null;
  /** What it means that no number is left. */
  readonly full: string;
  /** What the bus is, and the way out for a device that finds no number. */
  readonly why: string;
}

/** Pairs the items of the `below:` of the device at `path` with their paths. */
export function itemsAt(inputs: readonly NodeInput[], path: ValuePath): Item[] {
  return inputs.map((input, index) => ({ input, path: [...path, "below", index] }));
}

interface Placed extends Omit<Placement, "multifunction"> {}

/**
 * Gives every function on a bus its device and function number: those of `at`, else the next free device in the order
 * of the file. Returns them in enumeration order. Throws `bad-input` where two claim one number, where none is left and
 * where a device has no function 0 (PCI 3.0 sec 3.2.2.3.4).
 */
export function placeOnBus(items: readonly Item[], slots: Slots, source: YamlSource): readonly Placement[] {
  const stated = new Set(items.map(statedDevice));
  let next = slots.first;
  const takeNext = (item: Item): number => {
    while (stated.has(next)) next++;
    if (next > slots.last) throw fail(source, item.path, slots.full, slots.why);
    return next++;
  };
  const placed = items.flatMap((item) => {
    const device = statedDevice(item) ?? takeNext(item);
    if (device > slots.last || device === slots.reserved) {
      throw fail(source, item.path, `device number ${hex(device)} cannot be on this bus`, slots.why);
    }
    return functionsOf(item, device, source);
  });
  return checked(placed, source);
}

function statedDevice({ input }: Item): number | undefined {
  return (input.kind === "functions" ? input.at : input.attributes.at)?.device;
}

function functionsOf({ input, path }: Item, device: number, source: YamlSource): Placed[] {
  if (input.kind !== "functions") return [{ input, path, device, function: input.attributes.at?.function ?? 0 }];
  let next = 0;
  return input.functions.map((inner, index) => {
    const innerPath = [...path, "functions", index];
    if (inner.kind === "functions") throw fail(source, innerPath, "'functions' inside 'functions'", "list them once");
    const at: At | undefined = inner.attributes.at;
    if (at?.device !== undefined && at.device !== device) {
      const remedy = "give its function number alone: at: .1";
      throw fail(source, innerPath, `a function of device ${hex(device)} at device ${hex(at.device)}`, remedy);
    }
    const number = at?.function ?? next;
    if (number > 7) throw fail(source, innerPath, "a device has at most 8 functions", "start a new device");
    next = number + 1;
    return { input: inner, path: innerPath, device, function: number };
  });
}

function checked(placed: readonly Placed[], source: YamlSource): readonly Placement[] {
  const sorted = [...placed].sort((a, b) => devfn(a) - devfn(b));
  const perDevice = new Map<number, number>();
  sorted.forEach((entry, index) => {
    const before = sorted[index - 1];
    if (before !== undefined && devfn(before) === devfn(entry)) {
      throw fail(source, entry.path, `${hex(entry.device)}.${entry.function} is taken already`, "choose another `at:`");
    }
    if (!perDevice.has(entry.device) && entry.function !== 0) {
      const remedy =
        `a device is found by its function 0, and without it the kernel sees none of the others: ` +
        `write \`at: ${hex(entry.device)}.0\`, or add that function`;
      throw fail(source, entry.path, `device ${hex(entry.device)} has no function 0`, remedy);
    }
    perDevice.set(entry.device, (perDevice.get(entry.device) ?? 0) + 1);
  });
  return sorted.map((entry) => ({ ...entry, multifunction: (perDevice.get(entry.device) ?? 0) > 1 }));
}

function devfn(entry: Placed): number {
  return entry.device * 8 + entry.function;
}

function hex(device: number): string {
  return device.toString(16).padStart(2, "0");
}

function fail(source: YamlSource, path: ValuePath, message: string, remedy: string): PeerlaneError {
  return new PeerlaneError("bad-input", message, { place: source.placeOf(path), remedy });
}
