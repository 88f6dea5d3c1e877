import { Answers } from "../answers/answer.ts";
import type { Machine } from "../host/machine.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { deviceKind, isKindHidden } from "../pci/device-kind.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import type { Printable } from "../pci/visible.ts";
import type { PeerRoutes } from "../routes/peer-routes.ts";
import { expectedGroupOf, expectedIommuGroups } from "../rules/iommu-groups.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { askedRemarks } from "./asked-by.ts";
import { nameIn, roleOf, shortAddress } from "./device-names.ts";
import { machineLines, p2pmemText, wayToKnow } from "./facts.ts";
import { leftOutTexts } from "./left-out.ts";
import { differenceRemarks } from "./matrix-differences.ts";
import { gateRemarks, hardwareRemarks, reasonRemarks, remarkLines } from "./matrix-reasons.ts";
import { screenText } from "./printable.ts";
import { joinRich, painted, type Rich, rich, type Span } from "./rich.ts";
import type { Paint, ScreenOptions } from "./style.ts";
import type { WhatIfView } from "./what-if.ts";
import { textWidth, truncate, wrap } from "./width.ts";

/** Columns of a device list's row, left of its label. */
const GAP = "  ";

/**
 * The matrix as a screen: the machine, the devices by number, providers × clients, and why. Never wider than
 * `options.width` (from 60 on); a matrix with more clients than fit is drawn in blocks, where long runs of rows with the
 * same cells are folded. With `routes`, also where the hardware's way differs from the kernel's verdict.
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
  const marks = changedPairs(table, whatIf);
  const title = machineLines(table.machine, table.rules, width).map((line): Rich => [painted("strong", line)]);
  const devices = listDevices(table);
  if (devices.length === 0) {
    const what = "GPU, NIC, NVMe controller, accelerator or device with peer memory";
    const none = table.machine.functions.some(isKindHidden)
      ? `no device is known to be a ${what}`
      : `no ${what}; --all shows every function`;
    return [...title, "", ...[none, ...leftOutTexts(table)].flatMap((text) => wrap(text, width))];
  }
  const beside = [
    ...gateRemarks(table),
    ...hardwareRemarks(table),
    ...(routes === undefined ? [] : differenceRemarks(table, routes)),
  ];
  const grid = table.providers.length === 0 ? null : drawGrid(table, devices, width, marks);
  const sections: readonly (readonly Rich[])[] = [
    title,
    deviceLines(table.machine, devices, whatIf === undefined ? undefined : expectedGroups(table), width),
    leftOutTexts(table).flatMap((text) => wrap(text, width)),
    ...(grid === null ? [] : [grid.lines, legend(width, marks.size > 0, grid.showsPlaces)]),
    [...remarkLines(reasonRemarks(table), width), ...wayLines(table, width)],
    remarkLines(beside, width),
    remarkLines(askedRemarks(table), width),
  ];
  return sections.filter((lines) => lines.length > 0).flatMap((lines, index) => (index === 0 ? lines : ["", ...lines]));
}

/** How to learn what is unknown, where the source cannot tell it. */
function wayLines(table: VerdictTable, width: number): readonly Rich[] {
  const way = wayToKnow(table.machine);
  const isOpen = table.providers.some((_, i) => table.clients.some((__, j) => table.mapType(i, j) === "unknown"));
  return way === null || !isOpen ? [] : remarkLines([{ text: way }], width);
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
  const rows = devices.map((fn, index) => deviceRow(machine, fn, index, groups));
  const heads = ["", "device", "address", "kind", "NUMA", "group", "peer memory", "on the host", ""];
  const used = heads.map((head, column) => ({
    column,
    width: Math.max(...rows.map((row) => textWidth(row[column] ?? "")), 0),
    head,
  }));
  // A column in which nothing is known is left out.
  const columns = used.filter(({ width: content }) => content > 0);
  const draw = (cells: readonly string[]): string =>
    columns
      .map(({ column, width: content, head }, position) => {
        const cell = cells[column] ?? "";
        if (position === columns.length - 1) return cell;
        return cell + " ".repeat(Math.max(Math.max(content, head.length) - textWidth(cell), 0));
      })
      .join(GAP);
  const lines = rows.map((row) => truncate(draw(row).trimEnd(), width));
  return [[painted("faint", truncate(draw(heads).trimEnd(), width))], ...lines];
}

function deviceRow({ host }: Machine, fn: PciFunction, index: number, groups: Groups): string[] {
  const expected = isUnknown(fn.iommuGroup) && groups !== undefined ? expectedGroupOf(groups, fn) : null;
  const number = (value: PciFunction["numaNode"]): string => (isUnknown(value) || value === null ? "" : String(value));
  return [
    String(index),
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

/** Pairs, by position, whose verdict a change would change. */
type Marks = ReadonlySet<number>;

function changedPairs(table: VerdictTable, whatIf: WhatIfView | undefined): Marks {
  if (whatIf === undefined) return new Set();
  const changed = new Map<Bdf, Set<Bdf>>();
  for (const { provider, client } of whatIf.verdicts) {
    const clients = changed.get(provider);
    if (clients === undefined) changed.set(provider, new Set([client]));
    else clients.add(client);
  }
  return new Set(
    table.providers.flatMap((provider, i) =>
      table.clients.flatMap((client, j) =>
        changed.get(provider)?.has(client) === true ? [i * table.clients.length + j] : [],
      ),
    ),
  );
}

/** How much a cell says: all, no place of an unknown pair, one character. */
type CellForm = "full" | "short" | "narrow";

/** One cell: what to print for a pair, and its paint; `*` marks one that a change would change. */
function cell(answers: Answers, i: number, j: number, form: CellForm, marks: Marks): { text: string; paint: Paint } {
  const { text, paint } = verdictCell(answers, i, j, form);
  if (!marks.has(i * answers.table.clients.length + j)) return { text, paint };
  return form === "narrow" ? { text: "*", paint } : { text: `${text}*`, paint };
}

function verdictCell(answers: Answers, i: number, j: number, form: CellForm): { text: string; paint: Paint } {
  const { table } = answers;
  const isNarrow = form === "narrow";
  const hops = table.hops(i, j);
  switch (table.mapType(i, j)) {
    case "bus-addr":
      if (table.providers[i] === table.clients[j]) return { text: "·", paint: "faint" };
      return { text: isNarrow ? narrowHops(hops) : String(hops), paint: "direct" };
    case "thru-host-bridge":
      return { text: isNarrow ? "H" : `H${hops}`, paint: "host" };
    case "not-supported":
      return { text: "✗", paint: "no" };
    default:
      return { text: unknownCell(answers, i, j, form), paint: "unknown" };
  }
}

/** `?4 PXB`: the hops and the place are known whatever the verdict is. */
function unknownCell(answers: Answers, i: number, j: number, form: CellForm): string {
  const hops = answers.table.hops(i, j);
  if (form === "narrow" || hops === null || answers.table.providers[i] === answers.table.clients[j]) return "?";
  if (form === "short") return `?${hops}`;
  const { word } = answers.locality(i, j);
  return `?${hops} ${word.replace(" or ", "/")}`;
}

function narrowHops(hops: number | null): string {
  return hops === null || hops > 9 ? "+" : String(hops);
}

/** Columns of the narrowest cell that tells the place of an unknown pair, with the gap before it. */
const PLACED_CELL = 7;

function drawGrid(
  table: VerdictTable,
  devices: readonly PciFunction[],
  width: number,
  marks: Marks,
): { readonly lines: readonly Rich[]; readonly showsPlaces: boolean } {
  const numberOf = new Map(devices.map((fn, index) => [fn.bdf, index]));
  const numbers = table.clients.map((bdf) => String(numberOf.get(bdf) ?? ""));
  const digits = String(devices.length - 1).length;
  const labels = table.providers.map(
    (bdf) => `${String(numberOf.get(bdf) ?? "").padStart(digits)} ${nameIn(table.topology, bdf)}`,
  );
  const labelWidth = Math.min(Math.max(...labels.map((label) => textWidth(label)), "provider".length), 24);
  const room = width - labelWidth - 1;
  const answers = new Answers(table);
  const widest = Math.max(...numbers.map((number) => number.length));
  const widthOf = (form: CellForm): number => 1 + Math.max(cellsWidth(answers, form, marks), widest);
  // Without an unknown pair the short cells say as much.
  const forms: readonly CellForm[] = numbers.length * PLACED_CELL <= room ? ["full", "short"] : ["short"];
  const form = forms.find((candidate) => numbers.length * widthOf(candidate) <= room) ?? "narrow";
  const cellWidth = form === "narrow" ? 1 : widthOf(form);
  const perBlock = Math.max(1, Math.floor(room / cellWidth));
  const lines: Rich[] = [];
  for (let from = 0; from < table.clients.length; from += perBlock) {
    if (from > 0) lines.push("");
    const to = Math.min(from + perBlock, table.clients.length);
    lines.push(...headLines(numbers.slice(from, to), cellWidth, labelWidth));
    const rows = labels.map((label, i): GridRow => {
      const cells = Array.from({ length: to - from }, (_, at) => cell(answers, i, from + at, form, marks));
      return {
        label,
        cells: cells.flatMap(({ text, paint }) => [" ".repeat(cellWidth - text.length), painted(paint, text)]),
      };
    });
    for (const { label, cells } of table.clients.length > perBlock ? foldRows(rows) : rows) {
      lines.push([truncate(label, labelWidth), " ".repeat(Math.max(labelWidth - textWidth(label), 0) + 1), ...cells]);
    }
  }
  const showsPlaces =
    form === "full" && table.providers.some((_, i) => table.clients.some((__, j) => isPlaced(table, i, j)));
  return { lines, showsPlaces };
}

function isPlaced(table: VerdictTable, i: number, j: number): boolean {
  return table.providers[i] !== table.clients[j] && table.mapType(i, j) === "unknown" && table.hops(i, j) !== null;
}

interface GridRow {
  readonly label: string;
  readonly cells: readonly Span[];
}

/** So many rows of a block with the same cells are drawn as the first of them and how many follow. */
const FOLDED_ROWS = 8;

/** The rows of one of several blocks: long runs with the same cells, most often of pairs that are all unknown, as two. */
function foldRows(rows: readonly GridRow[]): readonly GridRow[] {
  const keys = rows.map(({ cells }) => JSON.stringify(cells));
  const folded: GridRow[] = [];
  for (let start = 0, end = 0; start < rows.length; start = end) {
    while (end < rows.length && keys[end] === keys[start]) end++;
    const run = rows.slice(start, end);
    const [first] = run;
    if (first === undefined || run.length < FOLDED_ROWS) folded.push(...run);
    else folded.push(first, { label: `…${run.length - 1} more`, cells: first.cells });
  }
  return folded;
}

function cellsWidth(answers: Answers, form: CellForm, marks: Marks): number {
  const { providers, clients } = answers.table;
  let most = 1;
  for (let i = 0; i < providers.length; i++) {
    for (let j = 0; j < clients.length; j++) most = Math.max(most, cell(answers, i, j, form, marks).text.length);
  }
  return most;
}

/** Client numbers above their columns: in one line where cells are wide, digit below digit where they are not. */
function headLines(numbers: readonly string[], cellWidth: number, labelWidth: number): readonly Rich[] {
  const corner = "provider".padEnd(labelWidth);
  const height = cellWidth > 1 ? 1 : Math.max(...numbers.map((number) => number.length));
  return Array.from({ length: height }, (_, row) => {
    const left = row === height - 1 ? corner : row === 0 ? "client →".padStart(labelWidth) : " ".repeat(labelWidth);
    const heads = numbers.map((number) =>
      cellWidth > 1 ? number.padStart(cellWidth) : (number.padStart(height)[row] ?? " "),
    );
    return [painted("faint", `${left} ${heads.join("")}`)];
  });
}

function legend(width: number, isMarked: boolean, showsPlaces: boolean): readonly Rich[] {
  const entries = [
    rich`${painted("direct", "4")} direct, 4 hops`,
    rich`${painted("host", "H6")} through the host bridge`,
    rich`${painted("no", "✗")} not supported`,
    showsPlaces
      ? rich`${painted("unknown", "?4 PXB")} unknown, 4 hops, place as nvidia-smi topo says it`
      : rich`${painted("unknown", "?")} unknown`,
    ...(isMarked ? [["* differs from the machine as it is"]] : []),
  ];
  const one = joinRich(entries, "   ");
  return textWidth(one) <= width ? [one] : [joinRich(entries.slice(0, 2), "   "), joinRich(entries.slice(2), "   ")];
}
