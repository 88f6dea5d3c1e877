import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { FleetItem } from "./items.ts";
import type { ClassSeen, ItemOutcome } from "./work.ts";

/** What a line of the journal holds. */
interface Entry {
  readonly name: string;
  readonly stamp: string;
  readonly outcome: ItemOutcome;
}

const VERSION = 1;
/** Below the folder of the results; gone once they are whole. */
const FOLDER = ".peerlane-fleet";
const FILE = "journal.ndjson";

/**
 * What was read so far, beside the results to be: a run that was ended goes on from it. An item is taken from it where its
 * name and its file's size and time of change, or the bytes themselves, are the same. Each line is true by itself, and one
 * that was cut in two is read again.
 */
export class Journal {
  readonly folder: string;
  readonly #file: number;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #classes: Map<string, ClassSeen>;
  #waiting = "";

  /** `asked` is what else decides what a row says: another one begins anew. */
  constructor(results: string, asked: string) {
    this.folder = join(results, FOLDER);
    mkdirSync(this.folder, { recursive: true });
    const path = join(this.folder, FILE);
    const head = `${JSON.stringify({ version: VERSION, asked })}\n`;
    const { entries, classes, length } = readJournal(path, head);
    this.#entries = entries;
    this.#classes = classes;
    this.#file = openSync(path, "a", 0o600);
    if (fstatSync(this.#file).size !== length) ftruncateSync(this.#file, length);
    if (length === 0) writeAll(this.#file, head);
  }

  /** How many machines an earlier run has read. */
  get known(): number {
    return this.#entries.size;
  }

  outcomeOf(item: FleetItem): ItemOutcome | undefined {
    const entry = this.#entries.get(item.name);
    return entry !== undefined && entry.stamp !== "" && entry.stamp === stampOf(item) ? entry.outcome : undefined;
  }

  classOf(id: string): ClassSeen | undefined {
    return this.#classes.get(id);
  }

  note(item: FleetItem, outcome: ItemOutcome): void {
    const { seen, ...rest } = { seen: undefined, ...outcome };
    const told = seen === undefined ? {} : { seen: { facts: seen.facts, marks: [...seen.marks] } };
    this.#waiting += `${JSON.stringify({ name: item.name, stamp: stampOf(item), outcome: { ...rest, ...told } })}\n`;
  }

  /** Writes what was noted. */
  flush(): void {
    writeAll(this.#file, this.#waiting);
    this.#waiting = "";
  }

  /** Ends it: what was noted is kept for the next run, but where the results are whole. */
  close(isWhole: boolean): void {
    this.flush();
    closeSync(this.#file);
    if (isWhole) rmSync(this.folder, { recursive: true, force: true });
  }
}

function readJournal(
  path: string,
  head: string,
): { readonly entries: Map<string, Entry>; readonly classes: Map<string, ClassSeen>; readonly length: number } {
  const entries = new Map<string, Entry>();
  const classes = new Map<string, ClassSeen>();
  const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  if (!bytes.subarray(0, Buffer.byteLength(head)).equals(Buffer.from(head))) return { entries, classes, length: 0 };
  let start = Buffer.byteLength(head);
  for (let end = bytes.indexOf(0x0a, start); end >= 0; end = bytes.indexOf(0x0a, start)) {
    const entry = entryOf(bytes.toString("utf8", start, end));
    if (entry === undefined) break;
    start = end + 1;
    entries.set(entry.name, entry);
    const { outcome } = entry;
    if (outcome.state === "read" && outcome.seen !== undefined) classes.set(outcome.class, outcome.seen);
  }
  return { entries, classes, length: start };
}

function entryOf(line: string): Entry | undefined {
  try {
    const entry = JSON.parse(line) as Entry & { outcome: { seen?: { marks: number[] } } };
    const { outcome } = entry;
    if (outcome.state !== "read" || outcome.seen === undefined) return entry;
    const { facts, marks } = outcome.seen;
    return { ...entry, outcome: { ...outcome, seen: { facts, marks: Uint32Array.from(marks) } } };
  } catch {
    return undefined;
  }
}

/** What tells that a source is as it was; nothing does of a folder. */
function stampOf({ source }: FleetItem): string {
  if (source.kind === "bytes") return createHash("sha256").update(source.bytes).digest("hex");
  if (source.kind === "fault") return "";
  const stats = statSync(source.path, { throwIfNoEntry: false });
  return stats?.isFile() !== true ? "" : `${stats.size} ${stats.mtimeMs}`;
}

function writeAll(file: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
}
