import type { Machine } from "../../src/host/machine.ts";
import { topologyOf } from "../../src/host/machine.ts";
import { type Bdf, busOf, deviceOf, domainOf, functionOf, makeBdf, slotOf } from "../../src/pci/bdf.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";

/** A machine with the addresses that firmware would give it, and what each function was called before. */
export interface Renumbered {
  readonly machine: Machine;
  readonly oldNames: ReadonlyMap<Bdf, Bdf>;
}

const byNumbers = unknown("bus numbers say it");

/**
 * The same tree as firmware numbers it: buses depth first from each root bus, a device keeps its number unless another
 * of its bus has it. What was said of a function's place is forgotten: the new numbers say it.
 */
export function renumber(machine: Machine): Renumbered {
  const topology = topologyOf(machine);
  const oldNames = new Map<Bdf, Bdf>();
  const functions: PciFunction[] = [];
  for (const { rootBus } of topology.roots) {
    const domain = rootBus >>> 8;
    let last = rootBus & 0xff;
    const place = (indices: readonly number[], bus: number): void => {
      const devices = new Map<number, number>();
      const free = (wanted: number): number =>
        [...devices.values()].includes(wanted) ? free((wanted + 1) % 32) : wanted;
      for (const index of indices) {
        const fn = topology.functionAt(index);
        const slot = slotOf(fn.bdf);
        const device = devices.get(slot) ?? free(deviceOf(fn.bdf));
        devices.set(slot, device);
        const bdf = makeBdf(domain, bus, device, functionOf(fn.bdf));
        oldNames.set(bdf, fn.bdf);
        const position = functions.push({ ...fn, bdf, attachment: byNumbers }) - 1;
        if (fn.bridge === null || isUnknown(fn.bridge)) continue;
        const secondary = ++last;
        place(topology.children(index), secondary);
        const bridge = { ...fn.bridge, primary: bus, secondary, subordinate: last };
        functions[position] = { ...fn, bdf, attachment: byNumbers, bridge };
      }
    };
    const top = topology.functions.flatMap((fn, index) =>
      topology.isOnRootBus(index) && domainOf(fn.bdf) === domain && busOf(fn.bdf) === (rootBus & 0xff) ? [index] : [],
    );
    place(top, last);
  }
  return { machine: { ...machine, functions: functions.sort((a, b) => a.bdf - b.bdf) }, oldNames };
}
