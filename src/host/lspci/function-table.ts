import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown } from "../../pci/known.ts";
import type { Note } from "../machine.ts";
import { overlay, ReadingMerger } from "./merge.ts";
import { type BytesReading, type RecordEnd, sealBytes, sealText, type TextReading } from "./reading.ts";
import { accessDenied, cutOff } from "./reasons.ts";
import type { FunctionRecord } from "./record.ts";

/** A domain has 65,536 functions; no machine comes near two full ones, and each costs some kilobytes of memory. */
export const MAX_FUNCTIONS = 131_072;
/** Notes about single functions beyond this are left out. */
const MAX_NOTES = 20;

interface Identity {
  readonly line: number;
  readonly ids: string | undefined;
  readonly kind: number | undefined;
  readonly label: string | undefined;
}

interface Entry {
  text: TextReading;
  bytes: BytesReading | undefined;
}

/** What holds for the text as a whole, counted while its records come in. */
export interface TextFacts {
  /** Some function shows a NUMA node, an IOMMU group, a driver, an extended capability, a PCI Express port. */
  namesNumaNodes: boolean;
  namesGroups: boolean;
  namesDrivers: boolean;
  showsExtended: boolean;
  showsPorts: boolean;
  deniedCount: number;
  hiddenRegistersCount: number;
  guessedBarsLine: number;
  lastCutLine: number;
}

/** The functions of a text, one entry per address, whatever number of dumps describes it. */
export class FunctionTable {
  readonly #file: string;
  readonly #entries = new Map<Bdf, Entry>();
  readonly #notes: Note[] = [];
  readonly facts: TextFacts = {
    namesNumaNodes: false,
    namesGroups: false,
    namesDrivers: false,
    showsExtended: false,
    showsPorts: false,
    deniedCount: 0,
    hiddenRegistersCount: 0,
    guessedBarsLine: 0,
    lastCutLine: 0,
  };

  constructor(file: string) {
    this.#file = file;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(bdf: Bdf): boolean {
    return this.#entries.has(bdf);
  }

  /** In the order in which the text names them. */
  addresses(): Iterable<Bdf> {
    return this.#entries.keys();
  }

  /** Takes in a record that has ended. Throws `bad-input` where it contradicts one before, `too-large` beyond the limit. */
  add(record: FunctionRecord, end: RecordEnd): void {
    const text = sealText(record, end);
    const bytes = sealBytes(record);
    this.#count(record, text);
    for (const oddity of [record.oddity, ...(bytes?.oddities ?? [])]) {
      if (oddity !== undefined) this.note(`${formatBdf(record.bdf)}: ${oddity}`, record.line);
    }
    const entry = this.#entries.get(record.bdf);
    if (entry !== undefined) {
      this.#join(record.bdf, entry, text, bytes?.reading);
      return;
    }
    if (this.#entries.size >= MAX_FUNCTIONS) {
      throw new PeerlaneError("too-large", `more than ${MAX_FUNCTIONS} functions`, {
        place: { file: this.#file, line: record.line },
        remedy: "give the output of lspci of one machine",
      });
    }
    this.#entries.set(record.bdf, { text, bytes: bytes?.reading });
  }

  #join(bdf: Bdf, entry: Entry, text: TextReading, bytes: BytesReading | undefined): void {
    this.#checkSame(bdf, identityOf(entry.text, entry.bytes), identityOf(text, bytes));
    const merger = new ReadingMerger(entry.text.line, text.line);
    entry.text = merger.mergeText(entry.text, text);
    if (bytes !== undefined) entry.bytes = entry.bytes === undefined ? bytes : merger.mergeBytes(entry.bytes, bytes);
    if (merger.disagreements.length > 0) {
      this.note(
        `the dumps at lines ${entry.text.line} and ${text.line} disagree about ${formatBdf(bdf)} ` +
          `(${merger.disagreements.join(", ")}): what they disagree about is unknown`,
        text.line,
        "give one dump per file",
      );
    }
  }

  #checkSame(bdf: Bdf, a: Identity, b: Identity): void {
    const both = <T>(x: T | undefined, y: T | undefined): boolean => x !== undefined && y !== undefined && x !== y;
    const isOther =
      both(a.ids, b.ids) ||
      both(a.kind, b.kind) ||
      // A terminal may have cut one of two names.
      (both(a.label, b.label) &&
        !(a.ids && b.ids) &&
        !a.label?.startsWith(b.label ?? "") &&
        !b.label?.startsWith(a.label ?? ""));
    if (!isOther) return;
    const name = (identity: Identity): string => identity.ids ?? identity.label ?? "another class";
    throw new PeerlaneError(
      "bad-input",
      `lines ${a.line} and ${b.line} describe two devices at ${formatBdf(bdf)}: ${name(a)} and ${name(b)}`,
      {
        place: { file: this.#file, line: b.line },
        remedy: "split the file: one machine per file",
      },
    );
  }

  #count(record: FunctionRecord, text: TextReading): void {
    const { facts } = this;
    if (record.numaNode >= 0) facts.namesNumaNodes = true;
    if (record.iommuGroup >= 0) facts.namesGroups = true;
    if (record.driver !== undefined) facts.namesDrivers = true;
    if (record.capabilities.at(-1)?.space === "extended") facts.showsExtended = true;
    const type = record.express?.type;
    if (type === "root-port" || type === "upstream-port" || type === "downstream-port") facts.showsPorts = true;
    if (record.config !== undefined && record.configLength > 64) return;
    if (record.capabilitiesHidden === accessDenied) facts.deniedCount++;
    if (record.verbosity !== "vv") facts.hiddenRegistersCount++;
    if (!record.areBarsNumbered) facts.guessedBarsLine ||= record.line;
    if (text.capabilities === cutOff || text.driver === cutOff) facts.lastCutLine = record.line;
  }

  note(message: string, line: number, remedy?: string): void {
    if (this.#notes.length >= MAX_NOTES) return;
    const place = { file: this.#file, line };
    this.#notes.push({ severity: "warning", message, place, ...(remedy === undefined ? {} : { remedy }) });
  }

  get notes(): readonly Note[] {
    return this.#notes;
  }

  /** What is known of each function, bytes over text, in ascending order of address. Empties the table. */
  takeReadings(): (readonly [Bdf, TextReading])[] {
    const entries = [...this.#entries].sort(([a], [b]) => a - b);
    this.#entries.clear();
    return entries.map(([bdf, { text, bytes }]) => [bdf, bytes === undefined ? text : overlay(bytes, text)]);
  }
}

function identityOf(text: TextReading, bytes: BytesReading | undefined): Identity {
  const ids = [bytes, text].find((reading) => reading !== undefined && !isUnknown(reading.vendorId));
  const hex = (value: unknown): string => Number(value).toString(16).padStart(4, "0");
  const kind = bytes !== undefined && !isUnknown(bytes.classCode) ? bytes.classCode >>> 8 : text.classKind;
  return {
    line: text.line,
    ids: ids === undefined ? undefined : `${hex(ids.vendorId)}:${hex(ids.deviceId)}`,
    kind: isUnknown(kind) ? undefined : kind,
    label: text.label ?? undefined,
  };
}
