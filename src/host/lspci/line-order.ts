import { type Line, word } from "./line.ts";

/*
 * The lines of a verbose record come in one order (pciutils 3.0 to 3.14). Where one comes before its time or again, or
 * without the one that stands before it in other records of the text, lines are missing: what follows may be of another
 * function, whose first line is among them.
 */

/** Lines before the capabilities, none of which comes twice, in their order. */
const headLines = [
  "Control: I/O",
  "Status: Cap",
  "Latency: ",
  "Interrupt: pin ",
  "NUMA node: ",
  "IOMMU group: ",
  "Region ",
  "Bus: primary=",
  "I/O behind bridge:",
  "Memory behind bridge:",
  "Prefetchable memory behind bridge:",
  "Secondary status:",
  "Expansion ROM at ",
  "BridgeCtl:",
  "PriDiscTmr",
] as const;

/** A line, and those of which one is the last of this table before it; `title` is the capability's own. */
type Row = readonly [text: string, behind: readonly string[]];

const expressLines: readonly Row[] = [
  ["DevCap:", ["title"]],
  ["DevCtl:", ["DevCap:"]],
  ["DevSta:", ["DevCtl:"]],
  ["LnkCap:", ["DevSta:"]],
  ["LnkCtl:", ["LnkCap:"]],
  ["LnkSta:", ["LnkCtl:"]],
  ["SltCap:", ["LnkSta:", "DevSta:"]],
  ["SltCtl:", ["SltCap:"]],
  ["SltSta:", ["SltCtl:"]],
  // Newer releases print the capabilities of a root port first.
  ["RootCap:", ["SltSta:", "LnkSta:", "DevSta:", "RootCtl:"]],
  ["RootCtl:", ["SltSta:", "LnkSta:", "DevSta:", "RootCap:"]],
  ["RootSta:", ["RootCtl:", "RootCap:"]],
  ["DevCap2:", ["RootSta:", "SltSta:", "LnkSta:", "DevSta:"]],
  ["DevCtl2:", ["DevCap2:"]],
  // An endpoint's further functions have no second link control; old links no second capabilities.
  ["LnkCap2:", ["DevCtl2:"]],
  ["LnkCtl2:", ["LnkCap2:", "DevCtl2:"]],
  ["LnkSta2:", ["LnkCtl2:", "DevCtl2:"]],
];

const errorLines: readonly Row[] = [
  ["UESta:", ["title"]],
  ["UEMsk:", ["UESta:"]],
  ["UESvrt:", ["UEMsk:"]],
  ["CESta:", ["UESvrt:"]],
  ["CEMsk:", ["CESta:"]],
  ["AERCap:", ["CEMsk:"]],
  ["HeaderLog:", ["AERCap:"]],
  ["RootCmd:", ["HeaderLog:", "AERCap:"]],
  ["RootSta:", ["RootCmd:"]],
  ["ErrorSrc:", ["RootSta:"]],
];

/** What the lines at hand are of: those before the capabilities, or below one of them. */
export type LineGroup = "head" | "express" | "errors" | "other";

interface Place {
  readonly begins: Uint8Array;
  readonly text: string;
  readonly group: LineGroup;
  /** Its place in the group, from 0. */
  readonly rank: number;
  readonly behind: readonly string[];
}

const placesOf = (group: LineGroup, rows: readonly Row[]): readonly Place[] =>
  rows.map(([text, behind], rank) => ({ begins: word(text), text, group, rank, behind }));
const places: readonly Place[] = [
  ...placesOf(
    "head",
    headLines.map((text) => [text, []]),
  ),
  ...placesOf("express", expressLines),
  ...placesOf("errors", errorLines),
];
/** By first letter, as most lines are none of these. */
const byLetter: readonly (readonly Place[] | undefined)[] = Array.from({ length: 0x80 }, (_, letter) => {
  const found = places.filter(({ begins }) => begins[0] === letter);
  return found.length === 0 ? undefined : found;
});

const TITLE = "title";
const REGION = "Region ";
const ROM = "Expansion ROM at ";

/** Stands for the title of the PCI Express capability among the lines that a text shows. */
export const EXPRESS_TITLE = "Express";

/** Those of Advanced Error Reporting that name ACS violations, and the three behind them: each release prints all six. */
const namesViolations = ["UESta:", "UEMsk:", "UESvrt:"];
const behindViolations = ["CESta:", "CEMsk:", "AERCap:"];
/** The first line below the title of a PCI Express capability, and others without which none of it is shown. */
const belowExpress = ["DevCap:", "DevCtl:", "DevSta:", "LnkCap:", "LnkCtl:", "LnkSta:", "SltCap:", "DevCap2:"];
/** So many records without a line below that title are none that somebody has shortened by hand. */
const LEAST_FILTERED = 5;

/**
 * True where a filter (`grep -v`) took lines out of a whole text of `-vv`, and the title of a capability may be among
 * them: `ACS` takes what names ACS violations too, a filter for indented lines all that stands below titles. `titles`
 * counts the PCI Express capabilities.
 */
export function isFiltered(seen: ReadonlySet<string>, titles: number): boolean {
  const shows = (lines: readonly string[]): boolean => lines.some((text) => seen.has(text));
  if (shows(behindViolations) && !shows(namesViolations)) return true;
  return titles >= LEAST_FILTERED && seen.has("Control: I/O") && !shows(belowExpress);
}

/** Lines of which one should have come. */
export type MissingLines = readonly string[];

/** How far the lines of a record have come, and what they left out. */
export class LineOrder {
  #group: LineGroup = "head";
  /** The last line of the table in this group. */
  #last = TITLE;
  #rank = -1;
  #region = -1;
  /** The lines of the table that came. */
  readonly seen: Set<string> = new Set();
  /** What did not come, though a line behind it did. */
  readonly missing: MissingLines[] = [];
  /** The last lines of the groups that have ended. */
  readonly #ends = new Map<LineGroup, string>();

  /** The last line of a group so far, `title` where only that has come; `undefined` where the group has not begun. */
  endOf(group: LineGroup): string | undefined {
    return group === this.#group ? this.#last : this.#ends.get(group);
  }

  /** Begins the lines below a capability. */
  begin(group: LineGroup): void {
    if (group === "express") this.seen.add(EXPRESS_TITLE);
    if (!this.#ends.has(this.#group)) this.#ends.set(this.#group, this.#last);
    this.#group = group;
    this.#last = TITLE;
  }

  /** Takes in a line; says whether it is out of its order. */
  take(line: Line): "in order" | "lost lines" | "another function" {
    let isLoose = false;
    for (const place of byLetter[line.byte(line.start)] ?? []) {
      if (!line.has(place.begins)) continue;
      if (place.group === "head") return this.#takeHead(line, place);
      isLoose = place.group !== this.#group;
      if (!isLoose) return this.#takeBelow(place);
    }
    return isLoose ? "lost lines" : "in order";
  }

  #takeHead(line: Line, { text, rank, begins }: Place): "in order" | "another function" {
    const isRegion = text === REGION;
    // The BARs of virtual functions stand below a capability, and look the same.
    if (this.#group !== "head" && (isRegion || text === ROM)) return "in order";
    const region = isRegion ? line.decimal(line.start + begins.length) : -1;
    const isNext = rank > this.#rank || (isRegion && rank === this.#rank && region > this.#region);
    this.seen.add(text);
    this.#rank = rank;
    this.#region = region;
    return isNext && this.#group === "head" ? "in order" : "another function";
  }

  #takeBelow({ text, group, rank, behind }: Place): "in order" | "lost lines" {
    const last = this.#last;
    this.#last = text;
    this.seen.add(text);
    if (behind.includes(last)) return "in order";
    const before = places.find((place) => place.group === group && place.text === last)?.rank ?? -1;
    if (before >= rank) return "lost lines";
    this.missing.push(
      places.filter((place) => place.rank > before && behind.includes(place.text)).map(({ text: missed }) => missed),
    );
    return "in order";
  }
}
