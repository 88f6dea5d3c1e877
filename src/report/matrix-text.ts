import type { Machine } from "../host/machine.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { deviceKind, isKindHidden } from "../pci/device-kind.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import type { Printable } from "../pci/visible.ts";
import type { PeerRoutes } from "../routes/peer-routes.ts";
import { expectedGroupOf, expectedIommuGroups } from "../rules/iommu-groups.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { islandsOf } from "../summary/islands.ts";
import { isDownTrained, shortfallsOf } from "../summary/shortfalls.ts";
import { askedRemarks } from "./asked-by.ts";
import { drawColumns } from "./columns.ts";
import { roleOf, shortAddress } from "./device-names.ts";
import { machineLines, p2pmemText, wayToKnow } from "./facts.ts";
import { islandLines } from "./island-lines.ts";
import { leftOutTexts } from "./left-out.ts";
import { shortfallTexts } from "./link-text.ts";
import { differenceRemarks } from "./matrix-differences.ts";
import { gridLines } from "./matrix-grid.ts";
import { gateRemarks, hardwareRemarks, reasonRemarks, remarkLines, STOPS_ABOVE } from "./matrix-reasons.ts";
import { screenText } from "./printable.ts";
import { joinRich, painted, type Rich, rich } from "./rich.ts";
import type { ScreenOptions } from "./style.ts";
import type { WhatIfView } from "./what-if.ts";
import { wrap } from "./width.ts";

/** So many kinds of links and BARs that are less than they could be are told. */
const TOLD_SHORTFALLS = 4;

/**
 * The matrix as a screen: the machine, how many pairs are what and why, who stands together, providers × clients, the
 * devices. Never wider than `options.width` (from 60 on); a matrix with more clients than fit is drawn in blocks, where
 * long runs of rows with the same cells are folded. With `routes`, also where the hardware's way differs from the kernel's verdict.
 */
export function matrixText(
  table: VerdictTable,
  options: ScreenOptions,
  whatIf?: WhatIfView,
  routes?: PeerRoutes,
): Printable {
  return screenText(matrixLines(table, options.width, whatIf, routes), options);
}

/** The lines of {@link matrixText}. */
export function matrixLines(
  table: VerdictTable,
  width: number,
  whatIf?: WhatIfView,
  routes?: PeerRoutes,
): readonly Rich[] {
  const title = machineLines(table.machine, table.rules, width).map((line): Rich => [painted("strong", line)]);
  const devices = listDevices(table);
  if (devices.length === 0) {
    const what = "GPU, NIC, NVMe controller, accelerator or device with peer memory";
    const none = table.machine.functions.some(isKindHidden)
      ? `no device is known to be a ${what}`
      : `no ${what}; --all shows every function`;
    return [...title, "", ...[none, ...leftOutTexts(table)].flatMap((text) => wrap(text, width))];
  }
  const islands = islandsOf(table);
  const { first: reasons, rest } = reasonRemarks(table);
  const gates = gateRemarks(table);
  const stops = gates.filter((remark) => remark.stops === true).slice(0, STOPS_ABOVE);
  const misread = gates.filter((remark) => remark.isMisread === true);
  const first = [...misread, ...reasons.slice(0, 1), ...stops, ...reasons.slice(1)];
  const beside = [
    ...gates.filter((remark) => !stops.includes(remark) && !misread.includes(remark)),
    ...hardwareRemarks(table),
    ...(routes === undefined ? [] : differenceRemarks(table, routes)),
  ];
  const sections: readonly (readonly Rich[])[] = [
    title,
    [...remarkLines(first, width), ...shortfallLines(table, devices, width), ...wayLines(table, width)],
    islandLines(table, islands, width),
    gridLines(table, islands, width, whatIf),
    deviceLines(table.machine, devices, whatIf === undefined ? undefined : expectedGroups(table), width),
    leftOutTexts(table).flatMap((text) => wrap(text, width)),
    remarkLines(rest, width),
    remarkLines(beside, width),
    remarkLines(askedRemarks(table), width),
  ];
  return sections.filter((lines) => lines.length > 0).flatMap((lines, index) => (index === 0 ? lines : ["", ...lines]));
}

/** What spoils the data rate of the devices themselves: links that did not train to what they can, small BARs of GPUs. */
function shortfallLines({ topology }: VerdictTable, devices: readonly PciFunction[], width: number): readonly Rich[] {
  const all = shortfallsOf(
    topology,
    devices.map(({ bdf }) => bdf),
  );
  const told = all.flatMap(({ device, link, bar }) => {
    const down = link !== null && isDownTrained(link) ? link : null;
    return down === null && bar === null ? [] : [{ device, link: down, bar }];
  });
  if (told.length === 0) return [];
  const texts = shortfallTexts(topology, told);
  const more = texts.length - TOLD_SHORTFALLS;
  const named = joinRich(texts.slice(0, TOLD_SHORTFALLS), "; ");
  return remarkLines(
    [{ text: rich`less than they could be: ${named}${more > 0 ? `; and ${more} more kinds` : ""}` }],
    width,
  );
}

/** How to learn what is unknown, where the source cannot tell it. */
function wayLines(table: VerdictTable, width: number): readonly Rich[] {
  const way = wayToKnowOf(table);
  return way === null ? [] : remarkLines([{ text: way }], width);
}

/** How to learn what is unknown of a table's pairs; `null` where nothing is, or the source's readers say it. */
export function wayToKnowOf(table: VerdictTable): string | null {
  const isOpen = table.providers.some((_, i) => table.clients.some((__, j) => table.mapType(i, j) === "unknown"));
  return isOpen ? wayToKnow(table.machine) : null;
}

/** The devices of a table, providers and clients together, in enumeration order. */
export function listDevices(table: VerdictTable): readonly PciFunction[] {
  const wanted = new Set<Bdf>([...table.providers, ...table.clients]);
  return table.machine.functions.filter((fn) => wanted.has(fn.bdf));
}

/** The groups that a changed machine is expected to have, by function. */
type Groups = ReadonlyMap<Bdf, number> | undefined;

function expectedGroups({ machine, topology }: VerdictTable): Groups {
  const groups = expectedIommuGroups(machine, topology);
  return isUnknown(groups) ? undefined : groups;
}

function deviceLines(
  machine: Machine,
  devices: readonly PciFunction[],
  groups: Groups,
  width: number,
): readonly Rich[] {
  const heads = ["device", "address", "kind", "NUMA", "group", "peer memory", "on the host", "label"];
  const rows = devices.map((fn) => ({ cells: deviceRow(machine, fn, groups) }));
  const { lines, leftOut, wholeWidth } = drawColumns(heads, rows, width);
  const more = leftOut.length === 0 ? [] : [`no room for: ${leftOut.join(", ")}; --width ${wholeWidth} shows it all`];
  return [...lines, ...more];
}

function deviceRow({ host }: Machine, fn: PciFunction, groups: Groups): string[] {
  const expected = isUnknown(fn.iommuGroup) && groups !== undefined ? expectedGroupOf(groups, fn) : null;
  const number = (value: PciFunction["numaNode"]): string => (isUnknown(value) || value === null ? "" : String(value));
  return [
    fn.names[0] ?? "–",
    shortAddress(fn),
    deviceKind(fn) === "other" ? roleOf(fn) : deviceKind(fn),
    number(fn.numaNode),
    isUnknown(expected) || expected === null ? number(fn.iommuGroup) : `${expected} expected`,
    p2pmemText(fn).replace(/^p2pmem /, ""),
    onHostText(host?.candidates.get(fn.bdf)),
    fn.label ?? "",
  ];
}

/** The address of a guest's device on its host, or how many it may be. */
function onHostText(candidates: readonly Bdf[] | undefined): string {
  const [only] = candidates ?? [];
  if (candidates === undefined) return "";
  if (only === undefined) return "not there";
  return candidates.length === 1 ? formatBdf(only) : `one of ${candidates.length}`;
}
