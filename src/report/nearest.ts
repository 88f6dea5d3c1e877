import type {
  DeviceGroup,
  Nearest,
  NearestAnswer,
  NearestQuestion,
  NearestSearch,
  Reach,
} from "../advice/find-nearest.ts";
import { Answers } from "../answers/answer.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { DeviceKind } from "../pci/device-kind.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import type { Printable } from "../pci/visible.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { placeOf } from "../summary/islands.ts";
import { shortfallsOf } from "../summary/shortfalls.ts";
import { nameIn, namesText } from "./device-names.ts";
import { type Block, heading, list, paragraph, table } from "./document.ts";
import { machineLines, wayToKnow } from "./facts.ts";
import { placeText } from "./island-lines.ts";
import { shortfallTexts } from "./link-text.ts";
import { screenText } from "./printable.ts";
import { DIRECT_BY_VERDICT, decidedBy, GOING_UP, reasonText } from "./reasons.ts";
import { joinRich, type Painted, painted, plainText, type Rich, rich } from "./rich.ts";
import type { Paint, ScreenOptions } from "./style.ts";
import { textWidth, wrap } from "./width.ts";

/** A search of a what-if with the same one of the machine as it is; `null` where nothing is asked. */
interface NearestView {
  readonly search: NearestSearch;
  readonly before: NearestSearch | null;
}

/** Devices whose answers are the same, in one line. */
interface Row {
  /** Whose nearest, which, by what path, and where all of them are. */
  readonly cells: readonly [devices: Rich, nearest: Rich, path: Rich, where: string];
  /** Which others may be as near, or may work where the nearest does not; empty where none. */
  readonly perhaps: Rich;
  /** What else is to be said of them. */
  readonly below: readonly Rich[];
}

/** Rows of one question, or of all about one device. */
interface Section {
  readonly title: string;
  readonly head: readonly [string, string, string, string];
  readonly rows: readonly Row[];
  /** What is to be said of each row, once. */
  readonly below: readonly Rich[];
}

/**
 * The nearest devices as a screen: how many have one and by what path, then who is nearest to whom. With `before`, the same
 * of the machine as it is, what differs is marked.
 */
export function nearestText(search: NearestSearch, options: ScreenOptions, before?: NearestSearch): Printable {
  const { width } = options;
  const view = { search, before: before ?? null };
  const { machine, rules } = search.table;
  const title = machineLines(machine, rules, width).map((line): Rich => [painted("strong", line)]);
  const sections: readonly (readonly Rich[])[] = [
    title,
    [...summaryLines(view), ...blockedTexts(view)].flatMap((line) => wrap(line, width)),
    ...sectionsOf(view).map((section) => sectionLines(section, width)),
    remarkTexts(view).flatMap((text) => wrap(text, width)),
  ];
  const lines = sections
    .filter((part) => part.length > 0)
    .flatMap((part, index) => (index === 0 ? part : ["", ...part]));
  return screenText(lines, options);
}

/** The same for Markdown. */
export function nearestBlocks(search: NearestSearch, before?: NearestSearch): readonly Block[] {
  const view = { search, before: before ?? null };
  const { machine, rules } = search.table;
  const summary = [...summaryLines(view), ...blockedTexts(view)];
  return [
    ...machineLines(machine, rules, Number.MAX_SAFE_INTEGER).map((text) => heading(text)),
    ...(summary.length === 0 ? [] : [list(summary)]),
    ...sectionsOf(view).flatMap(({ title, head, rows, below: ofAll }) => [
      heading(title),
      table(
        [...head],
        rows.map((row) => {
          const [devices, nearest, path, where] = row.cells;
          return [devices, nearest, joinRich([path, ...belowOf(row)], "; "), where];
        }),
      ),
      ...ofAll.map((text) => paragraph(text)),
    ]),
    ...remarkTexts(view).map((text) => paragraph(text)),
  ];
}

const KIND_NOUNS: Partial<Readonly<Record<DeviceKind, string>>> = {
  gpu: "GPU",
  nic: "NIC",
  nvme: "NVMe",
  accel: "accelerator",
  other: "device with peer memory",
};

/** `GPU`, or the words of whoever asked. */
function nounOf({ kind, name }: DeviceGroup): string {
  return name === kind ? (KIND_NOUNS[kind] ?? name) : name;
}

/** `8 GPUs`, `4 NVMe`, `gpu0`. */
function countedNoun(group: DeviceGroup, count: number): string {
  const noun = nounOf(group);
  if (group.name !== group.kind) return group.devices.length === 1 ? noun : `${count} of ${noun}`;
  return `${count} ${count === 1 || group.kind === "nvme" ? noun : noun.replace(/^\S+/, "$&s")}`;
}

/** How a device has its nearest, in the order in which they are told. */
type How =
  | "direct"
  | typeof DIRECT_BY_VERDICT
  | "through the host bridge"
  | "works either way"
  | "unknown"
  | "blocked"
  | "not supported";

const HOW_PAINTS: Readonly<Record<How, Paint>> = {
  direct: "direct",
  [DIRECT_BY_VERDICT]: "warn",
  "through the host bridge": "host",
  "works either way": "host",
  unknown: "unknown",
  blocked: "no",
  "not supported": "no",
};

function howOf({ works, mapType, blockedBy, goesUp }: Reach): How {
  if (works === null) return "unknown";
  if (works)
    return mapType === "bus-addr"
      ? goesUp
        ? DIRECT_BY_VERDICT
        : "direct"
      : mapType === "unknown"
        ? "works either way"
        : "through the host bridge";
  return blockedBy === null ? "not supported" : "blocked";
}

/** `nearest NIC of 8 GPUs: direct for all`; of a single device its line says it all. */
function summaryLines({ search, before }: NearestView): readonly Rich[] {
  const lines = search.answers
    .filter(({ found }) => found.length > 0 && !isAboutOne(search.answers))
    .map(({ question, found }): Rich => {
      const counts = new Map<How, number>();
      for (const { reach } of found) {
        if (reach !== null) counts.set(howOf(reach), (counts.get(howOf(reach)) ?? 0) + 1);
      }
      const parts = (Object.keys(HOW_PAINTS) as How[]).flatMap((how) => {
        const count = counts.get(how) ?? 0;
        if (count === 0) return [];
        if (found.length === 1) return [[painted(HOW_PAINTS[how], how)]];
        return [rich`${painted(HOW_PAINTS[how], how)} for ${count === found.length ? "all" : String(count)}`];
      });
      const own = question.of === question.among ? "other " : "";
      return rich`nearest ${own}${nounOf(question.among)} of ${countedNoun(question.of, found.length)}: ${joinRich(parts, ", ")}`;
    });
  if (before === null) return lines;
  const all = search.answers.flatMap(({ found }) => found);
  const changed = changedIn(search, before).size;
  const text = changed === 0 ? `none of ${all.length} answers differs` : `${changed} of ${all.length} answers differ`;
  return [[painted("warn", `${text} from the machine as it is`)], ...lines];
}

/** The answers that a what-if changes, with what they were; `null` for what there was none of. */
export function changedIn(search: NearestSearch, before: NearestSearch | null): ReadonlyMap<Nearest, Nearest | null> {
  const changed = new Map<Nearest, Nearest | null>();
  if (before === null) return changed;
  const keyOf = ({ of, among }: NearestQuestion, { device }: Nearest): string => `${of.name}:${among.name}:${device}`;
  const old = new Map<string, Nearest>();
  for (const { question, found } of before.answers) for (const one of found) old.set(keyOf(question, one), one);
  for (const { question, found } of search.answers) {
    for (const one of found) {
      const was = old.get(keyOf(question, one)) ?? null;
      if (was === null || saidOf(was) !== saidOf(one)) changed.set(one, was);
    }
  }
  return changed;
}

/** All that is told of an answer, to be compared. */
function saidOf({ nearest, reach, perhaps }: Nearest): string {
  const told = [nearest, reach === null ? null : [howOf(reach), reach.mapType, reach.hops, reach.locality.word]];
  return JSON.stringify([...told, reach?.blockedBy?.kind ?? null, perhaps.map(({ device }) => device)]);
}

/** Whether all that is asked is about one device. */
function isAboutOne(answers: readonly NearestAnswer[]): boolean {
  const [first] = answers;
  const of = first?.question.of;
  return of !== undefined && of.devices.length === 1 && answers.every(({ question }) => question.of === of);
}

/** Questions about one device are one section; two that mirror each other are one; any other has its own. */
function sectionsOf(view: NearestView): readonly Section[] {
  const { answers } = view.search;
  const rows = new RowMaker(view);
  const sections: Section[] = [];
  const done = new Set<NearestAnswer>();
  for (const answer of answers) {
    if (done.has(answer)) continue;
    const { of, among } = answer.question;
    if (isAboutOne(answers)) {
      for (const one of answers) done.add(one);
      const told = answers.flatMap((one) =>
        rows.rowsOf(one).map(({ cells: [, ...cells], ...row }): Row => {
          return { ...row, cells: [nounOf(one.question.among), ...cells] };
        }),
      );
      sections.push({
        title: `nearest to ${rows.names(of.devices)}`,
        head: ["", "nearest", "path", "where"],
        rows: told,
        below: [],
      });
      continue;
    }
    done.add(answer);
    const mirror = answers.find(({ question }) => question.of === among && question.among === of && of !== among);
    const isMirrored = mirror !== undefined && rows.areMirrored(answer, mirror);
    if (isMirrored && mirror !== undefined) done.add(mirror);
    const [one, other] = [nounOf(of), nounOf(among)];
    const all = onceForAll(rows.rowsOf(answer));
    sections.push(
      isMirrored
        ? { title: `${one} and ${other}, nearest to each other`, head: [one, other, "path", "where"], ...all }
        : {
            title: `nearest ${of === among ? "other " : ""}${other} of each ${one}`,
            head: [one, `nearest ${other}`, "path", "where"],
            ...all,
          },
    );
  }
  return sections;
}

/** What is perhaps so of each of several rows, once for all of them. */
function onceForAll(rows: readonly Row[]): Pick<Section, "rows" | "below"> {
  const [first, ...others] = rows;
  const text = first === undefined ? "" : plainText(first.perhaps);
  if (first === undefined || others.length === 0 || text === "") return { rows, below: [] };
  if (others.some(({ perhaps }) => plainText(perhaps) !== text)) return { rows, below: [] };
  return { rows: rows.map((row) => ({ ...row, perhaps: "" })), below: [rich`of each: ${first.perhaps}`] };
}

function belowOf({ perhaps, below }: Row): readonly Rich[] {
  return plainText(perhaps) === "" ? below : [perhaps, ...below];
}

/** Answers that are told in one row. */
interface Alike {
  readonly devices: readonly Bdf[];
  readonly answer: Nearest;
}

class RowMaker {
  readonly #table: VerdictTable;
  readonly #topology: Topology;
  readonly #changed: ReadonlyMap<Nearest, Nearest | null>;

  constructor({ search, before }: NearestView) {
    this.#table = search.table;
    this.#topology = search.table.topology;
    this.#changed = changedIn(search, before);
  }

  names(devices: readonly Bdf[]): string {
    return namesText(devices.map((bdf) => nameIn(this.#topology, bdf)));
  }

  rowsOf(answer: NearestAnswer): readonly Row[] {
    const rows = alikeOf(answer, this.#changed).map((alike) => this.#row(alike));
    if (answer.without.length === 0) return rows;
    const { of, among } = answer.question;
    const why =
      of.devices.length + among.devices.length === 2 && of === among
        ? "there is no other"
        : `none: neither ${answer.without.length === 1 ? "it" : "they"} nor any ${nounOf(among)} has memory for peers`;
    return [...rows, { cells: [this.names(answer.without), [painted("faint", why)], "", ""], perhaps: "", below: [] }];
  }

  /** Whether who is nearest to whom is the same from both sides. */
  areMirrored(answer: NearestAnswer, mirror: NearestAnswer): boolean {
    if (answer.without.length + mirror.without.length > 0) return false;
    const keys = (one: NearestAnswer, isMirror: boolean): string[] =>
      alikeOf(one, this.#changed).map(({ devices, answer: { nearest, reach, perhaps } }) => {
        const sides = isMirror ? [nearest, devices] : [devices, nearest];
        const isPlain = perhaps.length === 0 && !isUnknown(nearest);
        const path = reach === null ? null : [howOf(reach), reach.hops, reach.locality.word, reach.blockedBy?.kind];
        return JSON.stringify([...sides, path, isPlain || devices]);
      });
    const theirs = new Set(keys(mirror, true));
    const ours = keys(answer, false);
    return ours.length === theirs.size && ours.every((key) => theirs.has(key));
  }

  #row({ devices, answer }: Alike): Row {
    const { nearest, reach, perhaps } = answer;
    const below: Rich[] = [];
    const was = this.#changed.get(answer);
    if (was !== undefined) below.push([painted("warn", `was ${this.#wasText(was, nearest)}`)]);
    const others = isUnknown(nearest) ? [] : nearest.filter((bdf) => !devices.includes(bdf));
    below.push(...shortfallTexts(this.#topology, shortfallsOf(this.#topology, [...devices, ...others])));
    return {
      cells: [
        this.names(devices),
        this.#nearestText(devices, nearest),
        pathText(reach),
        this.#where([...devices, ...others]),
      ],
      perhaps: this.#perhapsText(perhaps, reach?.works !== false),
      below,
    };
  }

  #perhapsText(perhaps: Nearest["perhaps"], isBesideWorking: boolean): Rich {
    if (perhaps.length === 0) return "";
    const what = isBesideWorking
      ? "perhaps as near or nearer"
      : `unknown whether ${perhaps.length === 1 ? "it works" : "they work"}`;
    return rich`${painted("unknown", what)}: ${this.names(perhaps.map(({ device }) => device))}`;
  }

  #nearestText(devices: readonly Bdf[], nearest: Known<readonly Bdf[]>): Rich {
    if (isUnknown(nearest)) return [painted("unknown", "unknown")];
    const others = nearest.filter((bdf) => !devices.includes(bdf));
    if (others.length === nearest.length) return this.names(nearest);
    return others.length === 0 ? "each other" : `each other, ${this.names(others)}`;
  }

  #wasText(was: Nearest | null, nearest: Nearest["nearest"]): string {
    if (was === null) return "without an answer";
    const isSame = JSON.stringify(was.nearest) === JSON.stringify(nearest);
    if (isSame && was.reach !== null) return plainText(pathText(was.reach));
    const names = isUnknown(was.nearest) ? "unknown" : this.names(was.nearest);
    return was.reach === null ? names : `${names}: ${plainText(pathText(was.reach))}`;
  }

  /** Where all of them are: below one switch or host bridge, on one NUMA node; empty where they are apart. */
  #where(devices: readonly Bdf[]): string {
    const places = new Set(devices.map((bdf) => placeText(this.#topology, placeOf(this.#topology, bdf))));
    const [place = "", ...otherPlaces] = places;
    const nodes = new Set(devices.map((bdf) => this.#topology.functionOf(bdf).numaNode));
    const [node = null, ...otherNodes] = nodes;
    const isOneNode = otherNodes.length === 0 && node !== null && !isUnknown(node);
    return [
      ...(otherPlaces.length === 0 && place !== "place hidden" ? [place] : []),
      ...(isOneNode ? [`NUMA ${node}`] : []),
    ].join(", ");
  }
}

/** The answers of a question, those that say the same together; of a class among itself those that are nearest to each other. */
function alikeOf({ question, found }: NearestAnswer, changed: ReadonlyMap<Nearest, Nearest | null>): readonly Alike[] {
  const isOwn = question.of === question.among;
  const groups = new Map<string, { readonly devices: Bdf[]; readonly answer: Nearest }>();
  for (const answer of found) {
    const { device, nearest } = answer;
    const known = isUnknown(nearest) ? nearest.unknown : isOwn ? [...nearest, device].sort((a, b) => a - b) : nearest;
    const was = changed.get(answer);
    const key = JSON.stringify([
      known,
      saidOf({ ...answer, nearest: [] }),
      was === undefined ? "" : saidOf(was ?? answer),
    ]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { devices: [device], answer });
    else group.devices.push(device);
  }
  return [...groups.values()];
}

/** `direct, 4 hops, PIX`. */
function pathText(reach: Reach | null): Rich {
  if (reach === null) return "";
  const how = howOf(reach);
  const word: Painted = painted(HOW_PAINTS[how], how);
  const hops = reach.hops === null ? [] : [`${reach.hops} ${reach.hops === 1 ? "hop" : "hops"}`];
  const place = reach.locality.word === "hidden" || reach.locality.word === "" ? [] : [reach.locality.word];
  return joinRich([word, ...hops, ...place], ", ");
}

/** Columns between two cells. */
const GAP = "  ";

/** A section in columns; where one of its rows does not fit, each row as a sentence. */
function sectionLines({ title, head, rows, below: ofAll }: Section, width: number): readonly Rich[] {
  const widths = head.map((word, column) => {
    return Math.max(textWidth(word), ...rows.map(({ cells }) => textWidth(cells[column] ?? "")));
  });
  const isNarrow = rows.some(({ cells }) => lineWidth(cells, widths) > width);
  // A place that has a name says more than its NUMA node.
  if (isNarrow && rows.some(({ cells: [, , , where] }) => NODE_OF_PLACE.test(where))) {
    return sectionLines({ title, head, rows: rows.map(withoutNode), below: ofAll }, width);
  }
  const indented = (lines: readonly Rich[]): readonly Rich[] =>
    lines.map((line, index) => rich`${index === 0 ? "    " : "      "}${line}`);
  const below = (row: Row): readonly Rich[] =>
    belowOf(row).flatMap((text) => indented(wrap(text, Math.max(width - 6, 20))));
  const heads: readonly Rich[] = isNarrow
    ? []
    : [rich`  ${painted("faint", plainText(joinRich(columnsOf(head, widths), "")))}`];
  return [
    [painted("strong", title)],
    ...heads,
    ...rows.flatMap((row) => {
      const lines = isNarrow
        ? wrap(sentenceOf(row), Math.max(width - 4, 20)).map(
            (line, index) => rich`${index === 0 ? "  " : "    "}${line}`,
          )
        : [rich`  ${joinRich(columnsOf(row.cells, widths), "")}`];
      return [...lines, ...below(row)];
    }),
    ...ofAll.flatMap((text) => wrap(text, Math.max(width - 2, 20)).map((line): Rich => rich`  ${line}`)),
  ];
}

const NODE_OF_PLACE = /, NUMA \d+$/;

function withoutNode({ cells: [devices, nearest, path, where], ...row }: Row): Row {
  return { ...row, cells: [devices, nearest, path, where.replace(NODE_OF_PLACE, "")] };
}

function lineWidth(cells: Row["cells"], widths: readonly number[]): number {
  return 2 + columnsOf(cells, widths).reduce((sum, cell) => sum + textWidth(cell), 0);
}

/** Cells with blanks up to their columns; none behind the last that says something. */
function columnsOf<T extends Rich>(cells: readonly T[], widths: readonly number[]): readonly Rich[] {
  const last = cells.findLastIndex((cell) => textWidth(cell) > 0);
  return cells.slice(0, last + 1).map((cell, column): Rich => {
    if (column === last) return cell;
    const room = Math.max((widths[column] ?? 0) - textWidth(cell), 0);
    return rich`${cell}${" ".repeat(room)}${GAP}`;
  });
}

function sentenceOf({ cells: [devices, nearest, path, where] }: Row): Rich {
  const at = textWidth(where) === 0 ? "" : rich` (${where})`;
  return textWidth(path) === 0 ? rich`${devices}: ${nearest}` : rich`${devices} → ${nearest}: ${path}${at}`;
}

/** Reasons for which something is blocked that are told. */
const TOLD = 6;
const GATE_HIDDEN = "the source does not show whether something blocks it";

function reachesOf({ answers }: NearestSearch): readonly Reach[] {
  return answers.flatMap(({ found }) =>
    found.flatMap(({ reach, perhaps }) => [...(reach === null ? [] : [reach]), ...perhaps.map((one) => one.reach)]),
  );
}

/** What blocks the nearest, with what unblocks it. */
function blockedTexts({ search }: NearestView): readonly Rich[] {
  const reaches = reachesOf(search);
  const blocked = new Set(reaches.flatMap(({ blockedBy }) => (blockedBy === null ? [] : [blockedBy.message])));
  return [
    ...[...blocked].slice(0, TOLD).map((message): Rich => rich`${painted("no", "blocked")}: ${message}`),
    ...(blocked.size > TOLD ? [`and ${blocked.size - TOLD} more such reasons`] : []),
  ];
}

/** What the answers leave open, what is not in them, and where another question is answered. */
function remarkTexts({ search }: NearestView): readonly Rich[] {
  const { table: decided, answers, virtual } = search;
  const pairs = reachesOf(search);
  const open = pairs.filter(({ works, mapType }) => works === null || mapType === "unknown");
  const by = decidedBy(decided.machine, decided.rules);
  const reasons = new Set(
    open.map(({ pair: [i, j], memory, unread }) => {
      const why = decided.why(i, j);
      if (decided.mapType(i, j) === "unknown") return reasonText(why, by);
      if (unread !== null) return unread;
      return memory === "hidden" ? "the source does not show whether they have memory for peers" : GATE_HIDDEN;
    }),
  );
  const way = reasons.size === 0 ? null : wayToKnow(decided.machine);
  const refused = pairs.filter(({ works }) => works === false);
  const asks = new Answers(decided);
  const unasked = pairs.filter(({ pair: [i, j] }) => asks.askedBy(i, j).class === "does-not-ask");
  const isByPath = answers.some(({ found }) => found.some(({ reach }) => reach?.memory === "none"));
  return [
    ...[...reasons].map((reason): Rich => rich`${painted("unknown", "unknown")}: ${reason}`),
    ...(way === null ? [] : [way]),
    ...(pairs.some((reach) => howOf(reach) === DIRECT_BY_VERDICT)
      ? [[painted("warn", DIRECT_BY_VERDICT), `: ${GOING_UP}`]]
      : []),
    ...(isByPath ? ["neither side is known to have memory for peers: told is what the path would give"] : []),
    ...(unasked.length > 0 && refused.length + open.length > 0
      ? ["the drivers of some of these pairs do not ask the kernel: peerlane explain says which, and what counts then"]
      : []),
    ...(answers.length === 0 ? ["no two devices here of which one is known to have memory for peers"] : []),
    ...(virtual === 0
      ? []
      : [
          `${virtual} virtual ${virtual === 1 ? "function is" : "functions are"} where the physical one is, and not listed`,
        ]),
    ...(decided.machine.functions.some(({ p2pmem }) => !isUnknown(p2pmem) && p2pmem !== null)
      ? [
          rich`${painted("faint", "peer memory that the kernel would take for several clients: peerlane find --p2pmem CLIENT… [SOURCE]")}`,
        ]
      : []),
  ];
}
