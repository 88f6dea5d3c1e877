import { type Answers, answersOf } from "../answers/answer.ts";
import type { Bdf } from "../pci/bdf.ts";
import { type DeviceKind, deviceKind } from "../pci/device-kind.ts";
import { entryAt } from "../pci/entry-at.ts";
import { nameIn, namesText } from "../report/device-names.ts";
import { byKind, placeText } from "../report/island-lines.ts";
import { GOES_UP_MARK, reasonSentence, TOLD_WORDS, UNASKED_CELL } from "../report/reasons.ts";
import type { WhatIfView } from "../report/what-if.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { type ToldMapType, toldMapType } from "../summary/going-up.ts";
import { type Island, islandsOf } from "../summary/islands.ts";

/** A row or a column: a device, or several of one place. */
export interface Line {
  readonly name: string;
  /** `other` also of several kinds. */
  readonly kind: DeviceKind;
  /** The number of its place; lines of one place follow each other. */
  readonly place: number;
  /** All names, for who points at it. */
  readonly details: string;
  /** Positions among the table's providers or clients. */
  readonly positions: readonly number[];
}

/** What a row and a column have in common: the verdicts of their pairs. */
export interface Cell {
  /** `null` where there is no pair; `mixed` where their pairs differ. */
  readonly is: ToldMapType | "mixed" | null;
  /** `4`, `4^`, `H6`, `✗`, `✗~`, `?`, with a range where hops differ. */
  readonly text: string;
  readonly details: readonly string[];
  /** A change that was asked about would change a verdict. */
  readonly isChanged: boolean;
}

/** A matrix as it is drawn. */
export interface MatrixScene {
  readonly rows: readonly Line[];
  readonly columns: readonly Line[];
  /** In the order of rows, then columns. */
  readonly cells: readonly (readonly Cell[])[];
  /** Names of the places, by number. */
  readonly places: readonly string[];
  /** Providers and clients for which there was no room. */
  readonly leftOut: { readonly providers: number; readonly clients: number };
}

/** Rows and columns above which devices that nothing tells apart are one; and what is drawn at most. */
const FEW_LINES = 40;
const MOST_LINES = 80;
/** Providers and clients that are looked at. */
const MOST_DEVICES = 2000;

/** The rows, columns and cells of a table. */
export function matrixScene(table: VerdictTable, whatIf?: WhatIfView): MatrixScene {
  const islands = islandsOf(table);
  const builder = new MatrixBuilder(table, islands, whatIf);
  const [rows, columns] = builder.lines();
  const [shownRows, shownColumns] = [rows.slice(0, MOST_LINES), columns.slice(0, MOST_LINES)];
  const devicesOf = (lines: readonly Line[]): number => lines.reduce((sum, { positions }) => sum + positions.length, 0);
  return {
    rows: shownRows,
    columns: shownColumns,
    cells: shownRows.map((row) => shownColumns.map((column) => builder.cell(row, column))),
    places: islands.map(({ place, numaNode }) => {
      const node = numaNode === null ? "" : `, NUMA ${numaNode}`;
      return `${placeText(table.topology, place)}${node}`;
    }),
    leftOut: {
      providers: table.providers.length - devicesOf(shownRows),
      clients: table.clients.length - devicesOf(shownColumns),
    },
  };
}

/** Devices of one class have one number; classes are numbered in the order of their first devices. */
type Classes = ReadonlyMap<Bdf, number>;

class MatrixBuilder {
  readonly #table: VerdictTable;
  readonly #answers: Answers;
  readonly #providers: readonly Bdf[];
  readonly #clients: readonly Bdf[];
  /** Both together, those of one place after each other. */
  readonly #devices: readonly Bdf[];
  readonly #placeOf: ReadonlyMap<Bdf, number>;
  readonly #changed: ReadonlyMap<Bdf, ReadonlySet<Bdf>>;

  constructor(table: VerdictTable, islands: readonly Island[], whatIf: WhatIfView | undefined) {
    this.#table = table;
    this.#answers = answersOf(table);
    this.#providers = table.providers.slice(0, MOST_DEVICES);
    this.#clients = table.clients.slice(0, MOST_DEVICES);
    const wanted = new Set([...this.#providers, ...this.#clients]);
    const placed = islands.flatMap(({ devices }, place) =>
      devices.filter((bdf) => wanted.has(bdf)).map((bdf): [Bdf, number] => [bdf, place]),
    );
    this.#devices = placed.map(([bdf]) => bdf);
    this.#placeOf = new Map(placed);
    const changed = new Map<Bdf, Set<Bdf>>();
    for (const { provider, client } of whatIf?.verdicts ?? []) {
      const clients = changed.get(provider) ?? new Set();
      changed.set(provider, clients.add(client));
    }
    this.#changed = changed;
  }

  /** Rows and columns: a device each, or as few as tell devices apart where those are many, or a place each. */
  lines(): readonly [rows: readonly Line[], columns: readonly Line[]] {
    const levels: readonly (() => Classes)[] = [
      () => numbered(this.#devices, String),
      () => this.#classes("hops"),
      () => this.#classes("verdict"),
      () => numbered(this.#devices, (bdf) => String(this.#placeOf.get(bdf))),
    ];
    let lines: readonly [readonly Line[], readonly Line[]] = [[], []];
    for (const level of levels) {
      const classes = level();
      lines = [this.#linesOf(this.#providers, classes), this.#linesOf(this.#clients, classes)];
      if (lines.every(({ length }) => length <= FEW_LINES)) break;
    }
    return lines;
  }

  #linesOf(devices: readonly Bdf[], classes: Classes): readonly Line[] {
    const positions = new Map(devices.map((bdf, at) => [bdf, at]));
    const lines = new Map<number, Bdf[]>();
    for (const bdf of this.#devices) {
      if (!positions.has(bdf)) continue;
      const number = classes.get(bdf) ?? 0;
      const line = lines.get(number);
      if (line === undefined) lines.set(number, [bdf]);
      else line.push(bdf);
    }
    return [...lines.values()].map((members): Line => {
      const names = byKind(this.#table.topology, members).map((bdf) => nameIn(this.#table.topology, bdf));
      const first = entryAt(members, 0);
      const count = members.length > 1 ? `${members.length}: ` : "";
      const kinds = new Set(members.map((bdf) => deviceKind(this.#table.topology.functionOf(bdf))));
      const [kind = "other", ...others] = kinds;
      return {
        name: `${count}${namesText(names, 6)}`,
        kind: others.length === 0 ? kind : "other",
        place: this.#placeOf.get(first) ?? 0,
        details: namesText(names, 40),
        positions: members.map((bdf) => positions.get(bdf) ?? 0),
      };
    });
  }

  /**
   * Classes of devices that have the same verdicts with each class, and so on; with the same hops, too, where asked for.
   * They begin as the kinds of each place, and are parted until nothing tells their members apart.
   */
  #classes(by: "hops" | "verdict"): Classes {
    const { topology } = this.#table;
    let classes = numbered(this.#devices, (bdf) => `${this.#placeOf.get(bdf)} ${deviceKind(topology.functionOf(bdf))}`);
    const provider = new Map(this.#providers.map((bdf, i) => [bdf, i]));
    const client = new Map(this.#clients.map((bdf, j) => [bdf, j]));
    for (let round = 0; round < ROUNDS; round++) {
      const before = classes;
      const saw = (bdf: Bdf): string => {
        const seen = new Set<number>();
        const [i, j] = [provider.get(bdf), client.get(bdf)];
        for (const other of this.#devices) {
          if (other === bdf) continue;
          const [k, l] = [provider.get(other), client.get(other)];
          const number = 2 * (before.get(other) ?? 0);
          if (i !== undefined && l !== undefined) seen.add(number * CODES + this.#code(i, l, by));
          if (j !== undefined && k !== undefined) seen.add((number + 1) * CODES + this.#code(k, j, by));
        }
        return [...seen].sort((a, b) => a - b).join();
      };
      classes = numbered(
        this.#devices,
        (bdf) => `${before.get(bdf)} ${provider.has(bdf)} ${client.has(bdf)} ${saw(bdf)}`,
      );
      if (new Set(classes.values()).size === new Set(before.values()).size) break;
    }
    return classes;
  }

  /** A number below {@link CODES} for a verdict, and its hops where they count. */
  #code(i: number, j: number, by: "hops" | "verdict"): number {
    const hops = by === "hops" ? Math.min(this.#table.hops(i, j) ?? HOPS - 1, HOPS - 1) : 0;
    return MAP_TYPES.indexOf(toldMapType(this.#table, i, j)) * HOPS + hops;
  }

  /** What is in a row and a column. */
  cell(row: Line, column: Line): Cell {
    const { providers, clients } = this.#table;
    const counts = new Map<ToldMapType, number>();
    const hops = { least: Number.POSITIVE_INFINITY, most: -1 };
    let example: readonly [i: number, j: number] | undefined;
    let isChanged = false;
    for (const i of row.positions) {
      for (const j of column.positions) {
        const [provider, client] = [entryAt(providers, i), entryAt(clients, j)];
        if (provider === client) continue;
        example ??= [i, j];
        const mapType = toldMapType(this.#table, i, j);
        counts.set(mapType, (counts.get(mapType) ?? 0) + 1);
        const steps = this.#table.hops(i, j);
        hops.least = Math.min(hops.least, steps ?? hops.least);
        hops.most = Math.max(hops.most, steps ?? hops.most);
        isChanged ||= this.#changed.get(provider)?.has(client) === true;
      }
    }
    if (example === undefined) return { is: null, text: "·", details: [], isChanged: false };
    const [only, ...others] = counts.keys();
    const is = others.length > 0 || only === undefined ? "mixed" : only;
    return { is, text: cellText(is, hops), details: this.#details(counts, hops, example), isChanged };
  }

  #details(
    counts: ReadonlyMap<ToldMapType, number>,
    hops: { readonly least: number; readonly most: number },
    [i, j]: readonly [i: number, j: number],
  ): readonly string[] {
    const { topology, providers, clients } = this.#table;
    const pair = [providers[i], clients[j]].map((bdf) => nameIn(topology, bdf as Bdf)).join(" → ");
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    const more = total === 1 ? "" : ` and ${total - 1} more`;
    const verdicts = [...counts].map(([mapType, count]) =>
      counts.size === 1 ? TOLD_WORDS[mapType] : `${count} ${TOLD_WORDS[mapType]}`,
    );
    const { word } = this.#answers.locality(i, j);
    const facts = [
      verdicts.join(", "),
      ...(hops.most < 0 ? [] : [`${rangeText(hops)} hops`]),
      ...(word === "" || word === "hidden" ? [] : [word]),
    ];
    const why = this.#table.why(i, j);
    return [`${pair}${more}: ${facts.join(", ")}`, reasonSentence(why, this.#table)];
  }
}

const MAP_TYPES: readonly ToldMapType[] = [
  ...(["bus-addr", "goes-up", "thru-host-bridge", "unasked", "not-supported", "unknown"] as const),
];
const HOPS = 1024;
const CODES = MAP_TYPES.length * HOPS;

/** Rounds in which classes are parted; each round parts by what the one before found. */
const ROUNDS = 4;

function numbered(devices: readonly Bdf[], keyOf: (bdf: Bdf) => string): Classes {
  const numbers = new Map<string, number>();
  return new Map(
    devices.map((bdf) => {
      const key = keyOf(bdf);
      const number = numbers.get(key) ?? numbers.size;
      numbers.set(key, number);
      return [bdf, number];
    }),
  );
}

function cellText(is: ToldMapType | "mixed", hops: { readonly least: number; readonly most: number }): string {
  if (is === "not-supported") return "✗";
  if (is === "unasked") return UNASKED_CELL;
  if (is === "mixed") return "≠";
  const steps = hops.most < 0 ? "" : rangeText(hops);
  if (is === "goes-up") return `${steps}${GOES_UP_MARK}`;
  return is === "unknown" ? `?${steps}` : is === "thru-host-bridge" ? `H${steps}` : steps;
}

function rangeText({ least, most }: { readonly least: number; readonly most: number }): string {
  return least === most ? String(least) : `${least}–${most}`;
}
