import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FleetItem, machineName } from "./items.ts";
import type { Journal } from "./journal.ts";
import type { Pool } from "./pool.ts";
import type { Gathered, GatheredClass, MachineRow } from "./result.ts";
import type { Found } from "./sources.ts";
import type { ClassSeen, ItemOutcome } from "./work.ts";

/** What is said while it goes on. */
export interface GatherEvents {
  readonly onRead?: (done: number) => void;
}

/** So many items, or bytes of them, go to a worker at once. */
const BATCH = 32;
const BATCH_BYTES = 4 * 1024 * 1024;

/** A class while it is gathered. */
interface Gathering extends ClassSeen {
  first: number;
  example: FleetItem;
  readonly members: number[];
}

/** Which of the machines are read: those whose place has this rest; the first of three has 0. */
export interface Shard {
  readonly rest: number;
  readonly of: number;
}

const WHOLE: Shard = { rest: 0, of: 1 };
/** What a row that was not read has not. */
const NOTHING = { class: null, numbering: null, format: null } as const;

/** Reads a fleet: rows and classes are the same whatever worker reads what, and when. */
export class Gatherer {
  readonly #pool: Pool;
  readonly #journal: Journal | undefined;
  readonly #events: GatherEvents;
  readonly #rows: MachineRow[] = [];
  /** Each name that was given away, with the path that has it. */
  readonly #names = new Map<string, string>();
  readonly #classes = new Map<string, Gathering>();
  readonly #spool: Spool;
  #read = 0;

  constructor(pool: Pool, journal: Journal | undefined, events: GatherEvents = {}) {
    this.#pool = pool;
    this.#journal = journal;
    this.#events = events;
    this.#spool = new Spool(journal?.folder);
  }

  /** Reads all machines, or those of a shard. What it gives is read from until {@link clear}. */
  async run(found: AsyncIterable<Found>, shard: Shard = WHOLE): Promise<Gathered> {
    await this.#readAll(found, shard);
    const rows = this.#rows.filter(({ place }) => place % shard.of === shard.rest);
    const classes = new Map(
      [...this.#classes].map(([id, { members, ...rest }]): [string, GatheredClass] => [
        id,
        {
          ...rest,
          members: members.toSorted((a, b) => a - b).flatMap((place) => this.#rows[place] ?? []),
        },
      ]),
    );
    return { rows, classes };
  }

  clear(): void {
    this.#spool.clear();
  }

  async #readAll(found: AsyncIterable<Found>, shard: Shard): Promise<void> {
    const running = new Set<Promise<void>>();
    let failure: unknown;
    let batch: FleetItem[] = [];
    let bytes = 0;
    const send = async (): Promise<void> => {
      const items = batch;
      batch = [];
      bytes = 0;
      if (items.length === 0) return;
      const task: Promise<void> = this.#readBatch(items)
        .catch((error: unknown) => {
          failure ??= error;
        })
        .finally(() => running.delete(task));
      running.add(task);
      if (running.size >= this.#pool.width * 2) await Promise.race(running);
      if (failure !== undefined) throw failure;
    };
    for await (const { path, source } of found) {
      const item: FleetItem = { index: this.#rows.length, name: this.#nameOf(path), source };
      if (!this.#begin(item, path, item.index % shard.of === shard.rest)) continue;
      batch.push(item);
      bytes += source.kind === "bytes" ? source.bytes.length : 0;
      if (batch.length >= BATCH || bytes >= BATCH_BYTES) await send();
    }
    await send();
    await Promise.all(running);
    if (failure !== undefined) throw failure;
  }

  /** The path without its ending; with it where another path has that name: `a.txt` beside `a.json`. */
  #nameOf(path: string): string {
    const name = machineName(path);
    return (this.#names.get(name) ?? path) === path ? name : path;
  }

  /** Gives an item its row; false where there is nothing to read: a second of its name, or one that an earlier run read. */
  #begin(item: FleetItem, path: string, isAsked: boolean): boolean {
    const { index, name, source } = item;
    const isTwice = this.#names.has(name);
    this.#rows.push({ place: index, name, state: "failed", ...NOTHING, reason: "not read" });
    if (isTwice) {
      const reason = "another of this name came before it, and that one counts";
      this.#rows[index] = { place: index, name, state: "duplicate", ...NOTHING, reason };
      return false;
    }
    this.#names.set(name, path);
    if (!isAsked) return false;
    if (source.kind === "fault") {
      this.#set(item, { state: "failed", reason: source.reason });
      return false;
    }
    const before = this.#journal?.outcomeOf(item);
    if (before === undefined) return true;
    this.#take(item, before);
    return false;
  }

  async #readBatch(items: readonly FleetItem[]): Promise<void> {
    const reply = await this.#pool.run({ kind: "read", items });
    if (reply.kind !== "read") throw new RangeError("a worker answered something else");
    reply.outcomes.forEach((outcome, at) => {
      const item = items[at];
      if (item === undefined) return;
      this.#take(item, outcome);
      this.#journal?.note(item, outcome);
    });
    this.#journal?.flush();
  }

  #take(item: FleetItem, outcome: ItemOutcome): void {
    this.#set(item, outcome);
    if (outcome.state === "read") this.#join(item, outcome.class, outcome.seen);
    this.#events.onRead?.(++this.#read);
  }

  #set({ index, name }: FleetItem, outcome: ItemOutcome): void {
    const row = { place: index, name, state: outcome.state };
    this.#rows[index] =
      outcome.state === "failed"
        ? { ...row, ...NOTHING, reason: outcome.reason }
        : { ...row, class: outcome.class, numbering: outcome.numbering, format: outcome.format, reason: null };
  }

  #join(item: FleetItem, id: string, seen: ClassSeen | undefined): void {
    const there = this.#classes.get(id);
    if (there !== undefined) {
      there.members.push(item.index);
      if (item.index >= there.first) return;
      there.first = item.index;
      there.example = this.#spool.keep(item, id);
      return;
    }
    const known = seen ?? this.#journal?.classOf(id);
    if (known === undefined) throw new RangeError(`nobody said what class ${id} is`);
    this.#classes.set(id, {
      ...known,
      first: item.index,
      example: this.#spool.keep(item, id),
      members: [item.index],
    });
  }
}

/** Keeps one machine of each class whose source is gone once it was read: a member of an archive, a line. */
class Spool {
  readonly #isOwn: boolean;
  #folder: string | undefined;

  constructor(folder: string | undefined) {
    this.#isOwn = folder === undefined;
    this.#folder = folder === undefined ? undefined : join(folder, "examples");
  }

  keep(item: FleetItem, id: string): FleetItem {
    if (item.source.kind !== "bytes") return item;
    this.#folder ??= mkdtempSync(join(tmpdir(), "peerlane-fleet-"));
    mkdirSync(this.#folder, { recursive: true });
    const path = join(this.#folder, id);
    const file = openSync(path, "w", 0o600);
    try {
      const { bytes } = item.source;
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
    } finally {
      closeSync(file);
    }
    return { ...item, source: { kind: "file", path } };
  }

  clear(): void {
    if (this.#isOwn && this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }
}
