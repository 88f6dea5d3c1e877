import { chainOf } from "./kernel.ts";
import { isPort, type Placed } from "./layout.ts";

/** What the IOMMU core asks of ACS: source validation, both redirects, upstream forwarding. */
const ASKED = 0x1d;

/**
 * IOMMU groups as the kernel forms them, by name of a function: one function after the other, in the order in which it
 * meets them. Written after the kernel's own description of `pci_device_group`; no code of Peerlane's is used.
 */
export function formedGroups(
  functions: readonly Placed[],
  control: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const groups = new Map<Placed, number>();
  const isApart = (fn: Placed): boolean => keepsApart(fn, control.get(fn.name) ?? 0);
  let next = 0;
  for (const fn of functions) groups.set(fn, groupOf(fn));
  return new Map([...groups].map(([{ name }, group]) => [name, group]));

  function groupOf(fn: Placed): number {
    const bridges = chainOf(fn).slice(1);
    let device = fn;
    // A bridge to conventional PCI sends what is below it under its own name.
    const top = bridges.findLast(({ kind }) => kind === "bridge");
    if (top !== undefined) {
      device = top;
      const shared = bridges.filter(({ kind }) => kind === "bridge").find((bridge) => groups.has(bridge));
      if (shared !== undefined) return groups.get(shared) as number;
    }
    for (const bridge of chainOf(device).slice(1)) {
      if (chainOf(bridge).every(isApart)) break;
      device = bridge;
      const shared = groups.get(bridge);
      if (shared !== undefined) return shared;
    }
    if (device.isOfSeveral && !isApart(device)) {
      const mate = functions.find(
        (other) =>
          other !== device &&
          other.bus === device.bus &&
          other.devfn >> 3 === device.devfn >> 3 &&
          groups.has(other) &&
          !isApart(other),
      );
      if (mate !== undefined) return groups.get(mate) as number;
    }
    return next++;
  }
}

/** Whether requests of a function reach no peer past the IOMMU (`pci_acs_enabled`). */
function keepsApart(fn: Placed, control: number): boolean {
  const hasAll = fn.offers !== null && (ASKED & fn.offers & ~control) === 0;
  if (fn.ids === "8086:1521") return true;
  if (fn.kind === "host" || fn.kind === "bridge" || fn.on === "conventional") return false;
  if (isPort(fn)) return hasAll;
  if (fn.on === "root" && fn.ids.startsWith("8086:")) return true;
  return fn.isOfSeveral ? hasAll : true;
}
