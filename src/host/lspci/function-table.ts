import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import type { Note } from "../machine.ts";
import type { RecordPlace } from "./lost-functions.ts";
import { overlay, ReadingMerger } from "./merge.ts";
import { type Reading, type RecordEnd, sealBytes, sealText } from "./reading.ts";
import { cutOff } from "./reasons.ts";
import type { FunctionRecord } from "./record.ts";

/** A domain has 65,536 functions; no machine comes near two full ones, and each costs some kilobytes of memory. */
const MAX_FUNCTIONS = 131_072;
/** All capabilities of all functions; a real machine has some twenty for each function. */
const MAX_CAPABILITIES = 4_000_000;
/** Notes about single functions beyond this are left out. */
const MAX_NOTES = 20;

interface Entry {
  text: Reading;
  bytes: Reading | undefined;
}

/** What holds for the text as a whole, counted while its records come in. */
export interface TextFacts {
  /** Some function shows a NUMA node, an IOMMU group, a driver, an extended capability, a PCI Express port. */
  namesNumaNodes: boolean;
  namesGroups: boolean;
  namesDrivers: boolean;
  /** The lines of verbose records that some function shows. */
  readonly linesSeen: Set<string>;
  /** Blank lines stand within functions too, so that one behind a function does not end it. */
  hasInnerBlanks: boolean;
  /** So does a bridge, and something else than a bridge. */
  namesDriversOfBridges: boolean;
  namesDriversOfOthers: boolean;
  showsCapabilities: boolean;
  showsExtended: boolean;
  showsPorts: boolean;
  /** The command line that stands in the text chooses functions: others are left out by intent. */
  isSelection: boolean;
  /** The first record with BARs of `-v`, and the last one that was cut; 0 without one. */
  guessedBarsLine: number;
  lastCutLine: number;
}

/** The functions of a text, one entry per address, whatever number of dumps describes it. */
export class FunctionTable {
  readonly #file: string;
  readonly #entries = new Map<Bdf, Entry>();
  readonly #notes: Note[] = [];
  #capabilityCount = 0;
  /** The records as they come, repeated ones too. */
  readonly order: RecordPlace[] = [];
  readonly facts: TextFacts = {
    namesNumaNodes: false,
    namesGroups: false,
    namesDrivers: false,
    linesSeen: new Set(),
    hasInnerBlanks: false,
    namesDriversOfBridges: false,
    namesDriversOfOthers: false,
    showsCapabilities: false,
    showsExtended: false,
    showsPorts: false,
    isSelection: false,
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

  /** True where the text names a function otherwise than `label`, which may be of another machine. */
  hasOtherName(bdf: Bdf, label: string | null): boolean {
    return haveOtherNames(this.#entries.get(bdf)?.text.label ?? null, label);
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
    this.order.push({ bdf: record.bdf, isVerbose: record.verbosity !== "plain" });
    for (const oddity of [record.oddity, ...(bytes?.oddities ?? [])]) {
      if (oddity !== undefined) this.note(`${formatBdf(record.bdf)}: ${oddity}`, record.line);
    }
    const entry = this.#entries.get(record.bdf);
    if (entry !== undefined) {
      this.#join(record.bdf, entry, text, bytes?.reading);
      return;
    }
    this.checkCount(this.#entries.size + 1, record.line);
    this.#capabilityCount += lengthOf(text.capabilities) + lengthOf(bytes?.reading.capabilities);
    if (this.#capabilityCount > MAX_CAPABILITIES) {
      throw this.#tooLarge(`${MAX_CAPABILITIES} capabilities`, record.line);
    }
    this.#entries.set(record.bdf, { text, bytes: bytes?.reading });
  }

  /** Throws `too-large` where `count` functions are more than a machine can have. */
  checkCount(count: number, line: number): void {
    if (count > MAX_FUNCTIONS) throw this.#tooLarge(`${MAX_FUNCTIONS} functions`, line);
  }

  #tooLarge(what: string, line: number): PeerlaneError {
    return new PeerlaneError("too-large", `more than ${what}`, {
      place: { file: this.#file, line },
      remedy: "give the output of lspci of one machine",
    });
  }

  #join(bdf: Bdf, entry: Entry, text: Reading, bytes: Reading | undefined): void {
    for (const earlier of [entry.text, entry.bytes]) {
      for (const later of [text, bytes]) {
        if (earlier !== undefined && later !== undefined) this.#checkSame(bdf, earlier, later);
      }
    }
    const merger = new ReadingMerger(entry.text.line, text.line);
    entry.text = merger.merge(entry.text, text);
    if (bytes !== undefined) entry.bytes = entry.bytes === undefined ? bytes : merger.merge(entry.bytes, bytes);
    if (merger.disagreements.length > 0) {
      this.note(
        `the dumps at lines ${entry.text.line} and ${text.line} disagree about ${formatBdf(bdf)} ` +
          `(${merger.disagreements.join(", ")}): what they disagree about is unknown`,
        text.line,
        "give one dump per file",
      );
    }
  }

  #checkSame(bdf: Bdf, a: Reading, b: Reading): void {
    const haveIds = !isUnknown(a.vendorId) && !isUnknown(b.vendorId);
    const isOther =
      differ(a.vendorId, b.vendorId) ||
      differ(a.deviceId, b.deviceId) ||
      differ(a.classKind, b.classKind) ||
      (!haveIds && haveOtherNames(a.label, b.label));
    if (!isOther) return;
    throw new PeerlaneError(
      "bad-input",
      `lines ${a.line} and ${b.line} describe two devices at ${formatBdf(bdf)}: ${nameOf(a)} and ${nameOf(b)}`,
      {
        place: { file: this.#file, line: b.line },
        remedy: "split the file: one machine per file",
      },
    );
  }

  #count(record: FunctionRecord, text: Reading): void {
    const { facts } = this;
    if (record.numaNode >= 0) facts.namesNumaNodes = true;
    if (record.iommuGroup >= 0 && !record.isGroupListed) facts.namesGroups = true;
    for (const text of record.order.seen) facts.linesSeen.add(text);
    if (record.driver !== undefined) {
      facts.namesDrivers = true;
      if (record.verbosity !== "plain") facts[isBridge(text) ? "namesDriversOfBridges" : "namesDriversOfOthers"] = true;
    }
    if (record.capabilities.length > 0) facts.showsCapabilities = true;
    if (record.capabilities.at(-1)?.space === "extended") facts.showsExtended = true;
    const type = record.express?.type;
    if (type === "root-port" || type === "upstream-port" || type === "downstream-port") facts.showsPorts = true;
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
  takeReadings(): (readonly [Bdf, Reading])[] {
    const entries = [...this.#entries].sort(([a], [b]) => a - b);
    this.#entries.clear();
    return entries.map(([bdf, { text, bytes }]) => [bdf, bytes === undefined ? text : overlay(bytes, text)]);
  }
}

/** A bridge to further buses: the kernel binds all that are PCI Express ports. */
export function isBridge({ classKind }: Reading): boolean {
  return classKind === 0x0604;
}

function lengthOf(list: Reading["capabilities"] | undefined): number {
  return list === undefined || isUnknown(list) ? 0 : list.length;
}

function differ(a: Known<number>, b: Known<number>): boolean {
  return !isUnknown(a) && !isUnknown(b) && a !== b;
}

/** A terminal may have cut one of two names. */
function haveOtherNames(a: string | null, b: string | null): boolean {
  return a !== null && b !== null && !a.startsWith(b) && !b.startsWith(a);
}

function nameOf({ vendorId, deviceId, label, classKind }: Reading): string {
  const hex = (value: number): string => value.toString(16).padStart(4, "0");
  if (!isUnknown(vendorId) && !isUnknown(deviceId)) return `${hex(vendorId)}:${hex(deviceId)}`;
  return label ?? (isUnknown(classKind) ? "another" : `class ${hex(classKind)}`);
}
