import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { isUnknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import { physicalOf } from "../pci/virtual-functions.ts";
import { nameIn, namesText, shortAddress } from "./device-names.ts";
import type { Rich } from "./rich.ts";

/** What stands beside each other in a tree: a function, or the virtual functions of one. */
export type Sibling = { readonly index: number } | VirtualFunctions;

/** Virtual functions that are told in one line, as indices in ascending order. */
export interface VirtualFunctions {
  readonly physical: Bdf;
  readonly virtual: readonly number[];
}

/** Siblings with the virtual functions of each physical one as one, behind it; a single one and those with peer memory stay. */
export function foldVirtual(
  topology: Topology,
  indices: readonly number[],
  childrenOf: (index: number) => readonly number[],
): readonly Sibling[] {
  const folded = new Map<Bdf, number[]>();
  for (const index of indices) {
    const fn = topology.functionAt(index);
    const physical = physicalOf(fn);
    const isPlain = (fn.p2pmem === null || isUnknown(fn.p2pmem)) && childrenOf(index).length === 0;
    if (physical === undefined || !isPlain) continue;
    const mates = folded.get(physical);
    if (mates === undefined) folded.set(physical, [index]);
    else mates.push(index);
  }
  for (const [physical, virtual] of folded) if (virtual.length < 2) folded.delete(physical);
  if (folded.size === 0) return indices.map((index) => ({ index }));
  const isFolded = new Set([...folded.values()].flat());
  const here = new Set(indices.map((index) => topology.functionAt(index).bdf));
  return indices.flatMap((index): readonly Sibling[] => {
    const { bdf } = topology.functionAt(index);
    if (!isFolded.has(index)) {
      const virtual = folded.get(bdf);
      return virtual === undefined ? [{ index }] : [{ index }, { physical: bdf, virtual }];
    }
    // Of a physical function that stands elsewhere, the first one stands for all.
    const physical = physicalOf(topology.functionAt(index));
    const virtual = physical === undefined || here.has(physical) ? undefined : folded.get(physical);
    return physical !== undefined && virtual?.[0] === index ? [{ physical, virtual }] : [];
  });
}

/** Names and drivers that are listed. */
const LISTED = 4;

/** `16 virtual functions of 41:00.0: 41:00.2–41:02.1, none bound, groups 40–55`. */
export function virtualText(topology: Topology, { physical, virtual }: VirtualFunctions): Rich {
  const functions = virtual.map((index) => topology.functionAt(index));
  const pf = topology.find(physical);
  const names = functions.flatMap((fn) => (fn.names.length === 0 ? [] : [nameIn(topology, fn.bdf)]));
  const groups = functions.flatMap(({ iommuGroup }) =>
    isUnknown(iommuGroup) || iommuGroup === null ? [] : [`${iommuGroup}`],
  );
  const parts = [
    rangeText(
      functions.map(({ bdf }) => bdf),
      functions.map(shortAddress),
    ),
    ...(names.length === 0 ? [] : [namesText(names, LISTED)]),
    boundText(functions.map(({ driver }) => (isUnknown(driver) ? undefined : driver))),
    ...(groups.length === 0 ? [] : [groupsText(groups)]),
  ];
  return `${functions.length} virtual functions of ${pf === undefined ? formatBdf(physical) : shortAddress(pf)}: ${parts.filter((part) => part !== "").join(", ")}`;
}

/** First and last address; with how far they are apart where they do not follow each other. */
function rangeText(bdfs: readonly Bdf[], addresses: readonly string[]): string {
  const steps = new Set(bdfs.slice(1).map((bdf, at) => bdf - (bdfs[at] ?? bdf)));
  const [step = 1] = steps;
  const range = `${addresses[0]}–${addresses.at(-1)}`;
  if (steps.size > 1) return `${range} (not all between)`;
  return step === 1 ? range : `${range} (each ${step} apart)`;
}

/** By which drivers, of which `undefined` is hidden and `null` none. */
function boundText(drivers: readonly (string | null | undefined)[]): string {
  const counts = new Map<string, number>();
  for (const driver of drivers) {
    const text = driver === undefined ? "driver hidden" : driver === null ? "not bound" : `bound to ${driver}`;
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  if (counts.size > 1) {
    const shown = [...counts].slice(0, LISTED).map(([text, count]) => `${count} ${text}`);
    return [...shown, ...(counts.size > LISTED ? ["others"] : [])].join(", ");
  }
  const [text = ""] = counts.keys();
  return text === "not bound" ? "none bound" : text === "driver hidden" ? "" : `all ${text}`;
}

function groupsText(groups: readonly string[]): string {
  const each = [...new Set(groups)];
  if (each.length === 1) return `all in group ${each[0]}`;
  const numbers = each.map(Number);
  return `groups ${Math.min(...numbers)}–${Math.max(...numbers)}`;
}
