import { PeerlaneError } from "../pci/error.ts";
import { visible } from "../pci/visible.ts";
import { type Line, MAX_LINE, placeOf } from "./lines.ts";
import type { MeasuredEntry, MeasuredResults, MeasuringTool, ResultPlace, UnreadLine } from "./results.ts";

/** All tables of nvbandwidth for 72 GPUs are some 100,000. */
const MAX_ENTRIES = 250_000;

/** Members of all groups of devices: one GPU against all others, in tables for 72 of them, are some 50,000. */
const MAX_MEMBERS = 1_000_000;

/** Lines that were not understood are counted all; so many are kept. */
const MAX_UNREAD = 100;

const MAX_SHOWN = 160;

/** Reads the lines of one tool. */
export interface LineReader {
  /** True where the line is one of this tool's, whether it holds a figure or not. */
  take(line: Line): boolean;
  /** Another tool's line follows, or nothing does: what is open is closed. */
  leave(): void;
}

/** Where readers put what they find. */
export class Collector {
  readonly #file: string;
  readonly #tools = new Set<MeasuringTool>();
  readonly #entries: MeasuredEntry[] = [];
  readonly #assumptions = new Set<string>();
  readonly #leftOut = new Map<string, number>();
  readonly #unread: UnreadLine[] = [];
  #unreadCount = 0;
  #members = 0;

  constructor(file: string) {
    this.#file = file;
  }

  /** The output of a tool is there, with figures or without. */
  saw(tool: MeasuringTool): void {
    this.#tools.add(tool);
  }

  add(entry: MeasuredEntry): void {
    this.#tools.add(entry.tool);
    this.makeRoom(1, entry.place);
    if (![entry.bytesPerSecond, entry.latencyNs].every((value) => value === null || isAmount(value))) {
      this.#miss({ place: entry.place, text: "", why: "the figure is negative, or so large that it is none" });
      return;
    }
    this.#entries.push(entry);
  }

  /** Throws `too-large` where so many more figures would be too many. */
  makeRoom(count: number, place: ResultPlace): void {
    if (this.#entries.length + count <= MAX_ENTRIES) return;
    throw new PeerlaneError("too-large", `the text has more than ${MAX_ENTRIES} figures`, {
      place: { file: this.#file, ...place },
      remedy: "give the part with the results",
    });
  }

  /** Throws `too-large` where groups of devices have too many members together. */
  countMembers(count: number): void {
    this.#members += count;
    if (this.#members <= MAX_MEMBERS) return;
    throw new PeerlaneError("too-large", "the text has tables for too many devices at once", {
      place: { file: this.#file },
      remedy: "give the part with the results",
    });
  }

  assume(sentence: string): void {
    this.#assumptions.add(sentence);
  }

  leaveOut(why: string, count = 1): void {
    if (count > 0) this.#leftOut.set(why, (this.#leftOut.get(why) ?? 0) + count);
  }

  /** A line that was not understood. */
  unread(line: Line, why: string): void {
    const start = line.text.length - line.text.trimStart().length;
    this.#miss({ place: placeOf(line, start), text: shown(line.text), why });
  }

  /** Lines that are not there. */
  missing(place: ResultPlace, why: string): void {
    this.#miss({ place, text: "", why });
  }

  #miss(unread: UnreadLine): void {
    this.#unreadCount++;
    if (this.#unread.length < MAX_UNREAD) this.#unread.push(unread);
  }

  get tools(): ReadonlySet<MeasuringTool> {
    return this.#tools;
  }

  results(): MeasuredResults {
    return {
      tools: [...this.#tools],
      entries: this.#entries,
      assumptions: [...this.#assumptions],
      leftOut: [...this.#leftOut].map(([why, count]) => ({ why, count })),
      unread: { count: this.#unreadCount, lines: this.#unread },
    };
  }
}

/** Bytes in a second, or nanoseconds, as there may be: no negative ones, and no more than 10^9 GB/s or 30 years. */
function isAmount(value: number): boolean {
  return value >= 0 && value <= 1e18;
}

function shown(text: string): string {
  const trimmed = text.slice(0, MAX_LINE).trim();
  return visible(trimmed.length > MAX_SHOWN ? `${trimmed.slice(0, MAX_SHOWN)}…` : trimmed);
}
