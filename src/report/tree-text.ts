import { redirects } from "../pci/acs.ts";
import { type Bdf, formatBus } from "../pci/bdf.ts";
import { isBridge } from "../pci/device-kind.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import type { Printable } from "../pci/visible.ts";
import { expectedGroupOf } from "../rules/iommu-groups.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { type ColumnRow, drawColumns } from "./columns.ts";
import { displayName, roleOf, shortAddress } from "./device-names.ts";
import { acsBits, machineFacts, p2pmemText } from "./facts.ts";
import { CONTROL_HEADS, controlCells, hasControls } from "./link-controls.ts";
import { linkText } from "./link-text.ts";
import { screenText } from "./printable.ts";
import { type Painted, painted, plainText, type Rich, rich } from "./rich.ts";
import type { ScreenOptions } from "./style.ts";
import { treeSummary } from "./tree-summary.ts";
import { foldVirtual, type Sibling, virtualText } from "./virtual-functions.ts";
import type { WhatIfView } from "./what-if.ts";
import { wrap } from "./width.ts";

/** What a tree needs beside the machine: `expectedGroups` as `expectedIommuGroups` gives them. */
export interface TreeInput {
  readonly table: VerdictTable;
  readonly expectedGroups: Known<ReadonlyMap<Bdf, number>>;
}

/** What a tree shows that is asked for. */
export interface TreeDetail {
  /** Virtual functions, each on a line of its own. */
  readonly all?: boolean;
  /** What the Device Control registers set of the links: MaxPayload and the like. */
  readonly links?: boolean;
}

/**
 * The topology as a screen: what it comes to, then one line for each function, with its facts in columns. Columns for which
 * `options.width` has no room are left out and named, and nothing is cut; with an infinite width all are there, however
 * long the lines get.
 */
export function treeText(
  input: TreeInput,
  options: ScreenOptions,
  whatIf?: WhatIfView,
  detail: TreeDetail = {},
): Printable {
  return screenText(treeLines(input, options.width, whatIf, detail), options);
}

/** Columns of sentences where those of the tree have no end. */
const PROSE = 100;

/** The lines of {@link treeText}. */
export function treeLines(
  { table, expectedGroups }: TreeInput,
  width: number,
  whatIf?: WhatIfView,
  detail: TreeDetail = {},
): readonly Rich[] {
  const { topology } = table;
  const prose = Number.isFinite(width) ? width : PROSE;
  const title = machineFacts(table.machine, table.rules, prose).map((line): Rich => [painted("strong", line)]);
  if (topology.functions.length === 0) return [...title, "", "no PCI function in this source"];
  const marks = { expectedGroups, changed: whatIf?.changedFunctions, detail };
  const rows: ColumnRow[] = [];
  const draw = (
    name: Painted,
    tops: readonly number[],
    below = (index: number): readonly number[] => topology.children(index),
  ): void => {
    if (rows.length > 0) rows.push({ across: "" });
    rows.push({ across: [name] });
    for (const row of branchRows(table, tops, below, marks, prose)) rows.push(row);
  };
  const drawn = drawing(topology.functions);
  if (drawn !== undefined) {
    draw(painted("unknown", "as the source draws it: levels are left out"), drawn.tops, drawn.below);
  } else {
    topology.roots.forEach((root, rootIndex) => {
      draw(painted("strong", `host bridge ${formatBus(root.rootBus)}`), topsOf(table, rootIndex));
    });
    if (topology.hiddenTops.length > 0) {
      draw(painted("unknown", "the source does not show what is above these"), topology.hiddenTops);
    }
  }
  const isLinks = detail.links === true;
  const heads = isLinks ? [...HEADS.slice(0, ACS_END), ...CONTROL_HEADS, ...HEADS.slice(ACS_END)] : HEADS;
  const { lines, leftOut, wholeWidth } = drawColumns(heads, rows, width);
  const notes = [
    ...(isLinks && !hasControls(topology) ? [NO_CONTROLS] : []),
    ...(leftOut.length === 0 ? [] : [leftOutText(leftOut, wholeWidth)]),
  ].flatMap((note) => wrap(note, prose).map((line): Rich => [painted("faint", plainText(line))]));
  const summary = treeSummary(topology, prose);
  return [...title, "", ...summary, "", ...lines, ...(notes.length === 0 ? [] : ["", ...notes])];
}

/** The facts, the most deciding ones first; those that {@link TreeDetail.links} asks for stand behind ACS. */
const HEADS = ["function", "what", "link", "ACS", "peer memory", "NUMA", "group", "driver", "ACS bits", "device"];
const ACS_END = 4;

const NO_CONTROLS =
  "MaxPayload and the like are not shown: this source shows no Device Control, as sysfs read by root, lspci -vvv and -xxx do";

/** The most that `--width` takes. */
const WIDEST_SCREEN = 500;

function leftOutText(columns: readonly string[], wholeWidth: number): string {
  const wide = wholeWidth <= WIDEST_SCREEN ? `--width ${wholeWidth}, or a pipe, shows` : "a pipe shows";
  return `no room for: ${columns.join(", ")}; ${wide} them`;
}

/** How a source draws its functions where that is not the system's tree; `undefined` where it shows that one. */
export function drawing(
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
  readonly detail: TreeDetail;
}

/** Draws subtrees without recursion: a hostile chain may be as deep as there are functions. */
function branchRows(
  table: VerdictTable,
  tops: readonly number[],
  childrenOf: (index: number) => readonly number[],
  marks: Marks,
  width: number,
): readonly ColumnRow[] {
  const { topology } = table;
  const rows: ColumnRow[] = [];
  const siblings = (indices: readonly number[]): readonly Sibling[] =>
    marks.detail.all === true ? indices.map((index) => ({ index })) : foldVirtual(topology, indices, childrenOf);
  const stack: {
    readonly sibling: Sibling;
    readonly prefix: string;
    readonly level: number;
    readonly isLast: boolean;
  }[] = [];
  const push = (members: readonly Sibling[], prefix: string, level: number): void => {
    for (let at = members.length - 1; at >= 0; at--) {
      const sibling = members[at];
      if (sibling !== undefined) stack.push({ sibling, prefix, level, isLast: at === members.length - 1 });
    }
  };
  push(siblings(tops), "", 0);
  for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
    const { sibling, level, isLast } = entry;
    // Beyond a third of the screen lines would hold nothing but branches: how many levels are above stands for them.
    const prefix = entry.prefix.length > width / 3 ? `(${level}) ` : entry.prefix;
    const branch = painted("faint", `${prefix}${isLast ? "└─" : "├─"}`);
    const deeper = `${prefix}${isLast ? "  " : "│ "}`;
    const under = painted("faint", deeper);
    if ("virtual" in sibling) {
      const isChanged = sibling.virtual.some((index) => marks.changed?.has(topology.functionAt(index).bdf) === true);
      const star = isChanged ? painted("warn", "*") : "";
      rows.push({ across: rich`${virtualText(topology, sibling)}${star}`, lead: [branch], under: rich`${under}  ` });
      continue;
    }
    const below = siblings(childrenOf(sibling.index));
    rows.push({ cells: cellsOf(table, sibling.index, branch, marks), under: [under] });
    push(below, deeper, level + 1);
  }
  return rows;
}

function cellsOf({ topology }: VerdictTable, index: number, branch: Painted, marks: Marks): readonly Rich[] {
  const fn = topology.functionAt(index);
  const link = linkText(topology, index);
  const star = marks.changed?.has(fn.bdf) === true ? painted("warn", "*") : "";
  const names = fn.names.length > 0 ? rich`${painted("strong", displayName(fn))} ` : "";
  const driver = isUnknown(fn.driver) || fn.driver === "pcieport" ? "" : (fn.driver ?? "");
  return [
    rich`${branch}${shortAddress(fn)}${star}`,
    // In a tree the ports of a switch stand below each other.
    rich`${names}${roleOf(fn).replace(/^switch /, "")}`,
    link.paint === null ? link.text : [painted(link.paint, link.text)],
    acsCell(fn),
    ...(marks.detail.links === true ? controlCells(fn) : []),
    [painted("direct", p2pmemText(fn).replace(/^p2pmem /, ""))],
    isUnknown(fn.numaNode) || fn.numaNode === null ? "" : [painted("faint", String(fn.numaNode))],
    groupText(fn, marks.expectedGroups),
    [painted("faint", driver)],
    [painted("faint", acsBits(fn))],
    [painted("faint", fn.label ?? "")],
  ];
}

/** What ACS does with peer requests; nothing of an endpoint without it. */
function acsCell(fn: PciFunction): Rich {
  if (!isBridge(fn) && fn.acs === null) return "";
  if (isUnknown(fn.acs)) return [painted("unknown", "hidden")];
  if (fn.acs === null) return [painted("faint", "none")];
  if (redirects(fn.acs)) return [painted("host", "redirects")];
  const bits = acsBits(fn);
  return bits === "" ? "off" : bits.includes("?") ? "in part unknown" : "no redirect";
}

function groupText(fn: PciFunction, expectedGroups: TreeInput["expectedGroups"]): Rich {
  const expected = expectedGroupOf(expectedGroups, fn);
  const isNone = isUnknown(expected) || expected === null;
  if (isUnknown(fn.iommuGroup)) return isNone ? "" : `${expected} expected`;
  if (fn.iommuGroup === null) return "";
  if (isNone || expected === fn.iommuGroup) return `${fn.iommuGroup}`;
  return [painted("warn", `${fn.iommuGroup} (by its ACS now: ${expected})`)];
}
