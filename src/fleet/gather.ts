import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Cause } from "./causes.ts";
import { type Counted, nearestOf, referencesOf } from "./classes.ts";
import { type FleetItem, machineName } from "./items.ts";
import type { Journal } from "./journal.ts";
import type { Pool } from "./pool.ts";
import type { Fleet, FleetClass, MachineRow } from "./result.ts";
import type { Found } from "./sources.ts";
import type { ClassSeen, Comparison, ItemOutcome } from "./work.ts";

/** What is said while it goes on. */
export interface GatherEvents {
  readonly onRead?: (done: number) => void;
  readonly onCompare?: (done: number, of: number) => void;
}

/** So many items, or bytes of them, go to a worker at once. */
const BATCH = 32;
const BATCH_BYTES = 4 * 1024 * 1024;
/** Classes that are told from others by their machines; a fleet with more has no classes to speak of. */
const MOST_COMPARED = 4096;
const COMPARE_BATCH = 8;

/** A class while it is gathered. */
interface Gathered extends ClassSeen {
  first: number;
  example: FleetItem;
  readonly members: number[];
}

/** Reads a fleet: rows and classes are the same whatever worker reads what, and when. */
export class Gathering {
  readonly #pool: Pool;
  readonly #journal: Journal | undefined;
  readonly #events: GatherEvents;
  readonly #rows: MachineRow[] = [];
  /** Each name that was given away, with the path that has it. */
  readonly #names = new Map<string, string>();
  readonly #classes = new Map<string, Gathered>();
  readonly #spool: Spool;

  constructor(pool: Pool, journal: Journal | undefined, events: GatherEvents = {}) {
    this.#pool = pool;
    this.#journal = journal;
    this.#events = events;
    this.#spool = new Spool(journal?.folder);
  }

  /** Reads all machines, and tells the classes apart. */
  async run(found: AsyncIterable<Found>): Promise<Fleet> {
    try {
      await this.#readAll(found);
      return { rows: this.#rows, classes: await this.#tellClasses() };
    } finally {
      this.#spool.clear();
    }
  }

  async #readAll(found: AsyncIterable<Found>): Promise<void> {
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
      if (!this.#begin(item, path)) continue;
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
  #begin(item: FleetItem, path: string): boolean {
    const { index, name, source } = item;
    const isTwice = this.#names.has(name);
    this.#rows.push({ name, state: "failed", class: null, numbering: null, format: null, reason: "not read" });
    if (isTwice) {
      const reason = "another of this name came before it, and that one counts";
      this.#rows[index] = { name, state: "duplicate", class: null, numbering: null, format: null, reason };
      return false;
    }
    this.#names.set(name, path);
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
  }

  #take(item: FleetItem, outcome: ItemOutcome): void {
    this.#set(item, outcome);
    if (outcome.state === "read") this.#join(item, outcome.class, outcome.seen);
    this.#events.onRead?.(this.#rows.length);
  }

  #set({ index, name }: FleetItem, outcome: ItemOutcome): void {
    this.#rows[index] =
      outcome.state === "failed"
        ? { name, state: "failed", class: null, numbering: null, format: null, reason: outcome.reason }
        : {
            ...{ name, state: "read", class: outcome.class, numbering: outcome.numbering },
            ...{ format: outcome.format, reason: null },
          };
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

  async #tellClasses(): Promise<readonly FleetClass[]> {
    const counted = [...this.#classes].map(
      ([id, { first, marks, members }]): Counted => ({ id, first, marks, machines: members.length }),
    );
    const references = referencesOf(counted);
    const isReference = new Set(references.map(({ id }) => id));
    const nearest = new Map(counted.map((one) => [one.id, nearestOf(one, references)?.id ?? null]));
    const causes = await this.#compareAll(counted, nearest);
    const size = (id: string): number => this.#classes.get(id)?.members.length ?? 0;
    return counted
      .toSorted(
        (a, b) =>
          Number(isReference.has(a.id)) - Number(isReference.has(b.id)) || size(a.id) - size(b.id) || a.first - b.first,
      )
      .map(({ id }) => ({
        id,
        facts: (this.#classes.get(id) as Gathered).facts,
        members: this.#membersOf(id).map((index) => this.#rows[index]?.name ?? ""),
        isReference: isReference.has(id),
        nearest: nearest.get(id) ?? null,
        causes: causes.get(id) ?? [],
        renumbered: this.#renumberedOf(id),
      }));
  }

  #membersOf(id: string): readonly number[] {
    return this.#classes.get(id)?.members.toSorted((a, b) => a - b) ?? [];
  }

  /** Those whose bus numbers are not the ones that most have; of two as common, the first in the order of the sources. */
  #renumberedOf(id: string): readonly string[] {
    const members = this.#membersOf(id);
    const counts = new Map<string, number>();
    for (const index of members) {
      const numbering = this.#rows[index]?.numbering ?? "";
      counts.set(numbering, (counts.get(numbering) ?? 0) + 1);
    }
    let usual = "";
    for (const [numbering, count] of counts) if (count > (counts.get(usual) ?? 0)) usual = numbering;
    return members.flatMap((index) => {
      const row = this.#rows[index];
      return row === undefined || row.numbering === usual ? [] : [row.name];
    });
  }

  async #compareAll(
    counted: readonly Counted[],
    nearest: ReadonlyMap<string, string | null>,
  ): Promise<ReadonlyMap<string, readonly Cause[]>> {
    const causes = new Map<string, readonly Cause[]>();
    const asked = counted
      .flatMap(({ id, first }) => {
        const reference = nearest.get(id) ?? null;
        return reference === null ? [] : [{ id, first, reference }];
      })
      .toSorted((a, b) => a.first - b.first);
    for (const { id } of asked.slice(MOST_COMPARED)) {
      causes.set(id, [{ kind: "other", text: `not compared: the fleet has more than ${MOST_COMPARED} classes` }]);
    }
    const batches: (typeof asked)[] = [];
    for (let at = 0; at < Math.min(asked.length, MOST_COMPARED); at += COMPARE_BATCH) {
      batches.push(asked.slice(at, Math.min(at + COMPARE_BATCH, MOST_COMPARED)));
    }
    let done = 0;
    await Promise.all(
      batches.map(async (batch) => {
        const pairs = batch.map(
          ({ id, reference }): Comparison => ({
            reference: (this.#classes.get(reference) as Gathered).example,
            machine: (this.#classes.get(id) as Gathered).example,
          }),
        );
        const reply = await this.#pool.run({ kind: "compare", pairs });
        if (reply.kind !== "compare") throw new RangeError("a worker answered something else");
        reply.causes.forEach((list, at) => {
          const id = batch[at]?.id;
          if (id !== undefined) causes.set(id, list);
        });
        done += batch.length;
        this.#events.onCompare?.(done, asked.length);
      }),
    );
    return causes;
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
