import { type Bdf, formatBus } from "../pci/bdf.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import type { Printable } from "../pci/visible.ts";
import { expectedGroupOf } from "../rules/iommu-groups.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { displayName, roleOf, shortAddress } from "./device-names.ts";
import { acsText, linkText, machineFacts, p2pmemText } from "./facts.ts";
import { screenText } from "./printable.ts";
import { joinRich, type Painted, painted, plainText, type Rich, rich } from "./rich.ts";
import type { ScreenOptions } from "./style.ts";
import type { WhatIfView } from "./what-if.ts";
import { truncate } from "./width.ts";

/** What a tree needs beside the machine: `expectedGroups` as `expectedIommuGroups` gives them. */
export interface TreeInput {
  readonly table: VerdictTable;
  readonly expectedGroups: Known<ReadonlyMap<Bdf, number>>;
}

/** The topology as a screen: one line for each function, with link, ACS, IOMMU group and peer memory. */
export function treeText(input: TreeInput, options: ScreenOptions, whatIf?: WhatIfView): Printable {
  return screenText(treeLines(input, options.width, whatIf), options);
}

/** The lines of {@link treeText}. */
export function treeLines({ table, expectedGroups }: TreeInput, width: number, whatIf?: WhatIfView): readonly Rich[] {
  const { topology } = table;
  const lines: Rich[] = machineFacts(table.machine, table.rules, width).map((line) => [painted("strong", line)]);
  const draw = (
    title: Painted,
    tops: readonly number[],
    below = (index: number): readonly number[] => topology.children(index),
  ): void => {
    const marks = { expectedGroups, changed: whatIf?.changedFunctions };
    lines.push("", [title]);
    for (const line of branchLines(table, tops, below, marks, width)) lines.push(line);
  };
  const drawn = drawing(topology.functions);
  if (drawn !== undefined) {
    draw(painted("unknown", "as the source draws it: levels are left out"), drawn.tops, drawn.below);
    return lines;
  }
  topology.roots.forEach((root, rootIndex) => {
    const tops = topsOf(table, rootIndex);
    draw(painted("strong", `host bridge ${formatBus(root.rootBus)}`), tops);
  });
  if (topology.hiddenTops.length > 0) {
    draw(painted("unknown", "the source does not show what is above these"), topology.hiddenTops);
  }
  if (topology.functions.length === 0) lines.push("", "no PCI function in this source");
  return lines;
}

/** How a source draws its functions where that is not the system's tree; `undefined` where it shows that one. */
function drawing(
  functions: readonly PciFunction[],
): { readonly tops: readonly number[]; readonly below: (index: number) => readonly number[] } | undefined {
  if (!functions.some((fn) => fn.drawnBelow !== undefined)) return undefined;
  const tops: number[] = [];
  const below = new Map<Bdf, number[]>();
  functions.forEach(({ drawnBelow = null }, index) => {
    const members = drawnBelow === null ? tops : below.get(drawnBelow);
    if (members !== undefined) members.push(index);
    else if (drawnBelow !== null) below.set(drawnBelow, [index]);
  });
  return {
    tops,
    below: (index) => {
      const fn = functions[index];
      return (fn === undefined ? undefined : below.get(fn.bdf)) ?? [];
    },
  };
}

function topsOf({ topology }: VerdictTable, rootIndex: number): number[] {
  return [...topology.preorder].filter((index) => topology.rootOf(index) === rootIndex && topology.isOnRootBus(index));
}

/** What is said of functions beside what they are. */
interface Marks {
  readonly expectedGroups: TreeInput["expectedGroups"];
  /** Functions that a change would change. */
  readonly changed: ReadonlySet<Bdf> | undefined;
}

/** Draws subtrees without recursion: a hostile chain may be as deep as there are functions. */
function branchLines(
  table: VerdictTable,
  tops: readonly number[],
  childrenOf: (index: number) => readonly number[],
  marks: Marks,
  width: number,
): readonly Rich[] {
  const { topology } = table;
  const lines: Rich[] = [];
  const stack = tops.map((index, position) => ({ index, prefix: "", isLast: position === tops.length - 1 })).reverse();
  for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
    const fn = topology.functionAt(entry.index);
    // Beyond half of the screen the lines would hold nothing but branches.
    const prefix = entry.prefix.length > width / 2 ? `…${entry.prefix.slice(-Math.floor(width / 2))}` : entry.prefix;
    const branch = `${prefix}${entry.isLast ? "└─" : "├─"}`;
    const below = childrenOf(entry.index);
    lines.push(truncate(rich`${painted("faint", branch)}${functionLine(fn, marks)}`, width));
    const deeper = `${prefix}${entry.isLast ? "  " : "│ "}`;
    const drawn = below.map((index, child) => ({ index, prefix: deeper, isLast: child === below.length - 1 }));
    for (const child of drawn.reverse()) stack.push(child);
  }
  return lines;
}

function functionLine(fn: PciFunction, { expectedGroups, changed }: Marks): Rich {
  const link = linkText(fn);
  const acs = acsText(fn);
  const isPort = isUnknown(fn.bridge) || fn.bridge !== null;
  const star = changed?.has(fn.bdf) === true ? painted("warn", "*") : "";
  const names = fn.names.length > 0 ? rich`${painted("strong", displayName(fn))} ` : "";
  const parts: readonly (Rich | Painted)[] = [
    rich`${shortAddress(fn)}${star} ${names}${roleOf(fn)}`,
    link.isSlow ? painted("warn", link.text) : link.text,
    isPort || fn.acs !== null ? painted(acs.includes("redirects") ? "host" : "faint", acs) : "",
    groupText(fn, expectedGroups),
    painted("direct", p2pmemText(fn)),
    isUnknown(fn.numaNode) || fn.numaNode === null ? "" : painted("faint", `NUMA ${fn.numaNode}`),
    isUnknown(fn.driver) || fn.driver === null || fn.driver === "pcieport" ? "" : painted("faint", fn.driver),
    painted("faint", fn.label ?? ""),
  ];
  return joinRich(
    parts.filter((part) => plainText(rich`${part}`) !== ""),
    "  ",
  );
}

function groupText(fn: PciFunction, expectedGroups: TreeInput["expectedGroups"]): string | Painted {
  const expected = expectedGroupOf(expectedGroups, fn);
  const isNone = isUnknown(expected) || expected === null;
  if (isUnknown(fn.iommuGroup)) return isNone ? "" : `group ${expected} expected`;
  if (fn.iommuGroup === null) return "";
  if (isNone || expected === fn.iommuGroup) return `group ${fn.iommuGroup}`;
  return painted("warn", `group ${fn.iommuGroup} (by its ACS now: ${expected})`);
}
