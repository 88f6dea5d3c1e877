import { type Machine, originOf } from "../host/machine.ts";
import { compressSnapshot, writeSnapshot } from "../host/snapshot/write-snapshot.ts";
import { type Cause, causesOf } from "./causes.ts";
import type { FleetItem } from "./items.ts";
import { type ClassFacts, factsOf, lookAt } from "./look.ts";
import { SnapshotLines } from "./snapshot-lines.ts";
import { type ReadingTools, reasonOf, takeMachine, takeSnapshot } from "./take.ts";

/** What a class is, told once by each worker that meets it. */
export interface ClassSeen {
  readonly facts: ClassFacts;
  readonly marks: Uint32Array;
}

/** What one item came to. */
export type ItemOutcome =
  | {
      readonly state: "read";
      readonly class: string;
      readonly numbering: string;
      readonly format: string;
      readonly seen?: ClassSeen;
    }
  | { readonly state: "failed"; readonly reason: string };

/** One class to be told from another by a machine of each. */
export interface Comparison {
  readonly reference: FleetItem;
  readonly machine: FleetItem;
}

/** What a worker is asked. */
export type Task =
  | { readonly kind: "read"; readonly items: readonly FleetItem[] }
  | { readonly kind: "snapshot"; readonly items: readonly FleetItem[] }
  | { readonly kind: "compare"; readonly pairs: readonly Comparison[] };

/** Answers in the order of what was asked. */
export type Reply =
  | { readonly kind: "read"; readonly outcomes: readonly ItemOutcome[] }
  /** Packed by gzip; `null` where there can be none. */
  | { readonly kind: "snapshot"; readonly snapshots: readonly (Uint8Array | null)[] }
  | { readonly kind: "compare"; readonly causes: readonly (readonly Cause[])[] };

/** So many machines that others are compared with are kept. */
const KEPT = 32;

/** Does what is asked, in a worker or where there is none. */
export class Work {
  readonly #tools: ReadingTools;
  readonly #known = new Set<string>();
  readonly #lines = new SnapshotLines();
  readonly #references = new Map<number, Machine>();

  constructor(tools: ReadingTools) {
    this.#tools = tools;
  }

  async do(task: Task): Promise<Reply> {
    if (task.kind === "read") {
      const outcomes: ItemOutcome[] = [];
      for (const item of task.items) outcomes.push(await this.#read(item));
      return { kind: "read", outcomes };
    }
    if (task.kind === "snapshot") {
      const snapshots: (Uint8Array | null)[] = [];
      for (const item of task.items) snapshots.push(await this.#snapshot(item));
      return { kind: "snapshot", snapshots };
    }
    const causes: (readonly Cause[])[] = [];
    for (const pair of task.pairs) causes.push(await this.#compare(pair));
    return { kind: "compare", causes };
  }

  async #read(item: FleetItem): Promise<ItemOutcome> {
    try {
      const machine = takeSnapshot(item, this.#lines) ?? (await takeMachine(item, this.#tools));
      const { fingerprint } = lookAt(machine);
      const { class: id, numbering, marks } = fingerprint;
      const outcome = { state: "read", class: id, numbering, format: originOf(machine) } as const;
      if (this.#known.has(id)) return outcome;
      const seen = { facts: factsOf(machine), marks };
      this.#known.add(id);
      return { ...outcome, seen };
    } catch (error) {
      return { state: "failed", reason: reasonOf(error, item) };
    }
  }

  async #snapshot(item: FleetItem): Promise<Uint8Array | null> {
    try {
      return await compressSnapshot(writeSnapshot(await takeMachine(item, this.#tools)));
    } catch {
      // Its class is told without a comparison.
      return null;
    }
  }

  async #compare({ reference, machine }: Comparison): Promise<readonly Cause[]> {
    try {
      return causesOf(await this.#reference(reference), await takeMachine(machine, this.#tools));
    } catch (error) {
      return [{ kind: "other", text: `not compared: ${reasonOf(error, machine)}` }];
    }
  }

  async #reference(item: FleetItem): Promise<Machine> {
    const kept = this.#references.get(item.index);
    if (kept !== undefined) return kept;
    if (this.#references.size >= KEPT) this.#references.clear();
    const machine = await takeMachine(item, this.#tools);
    this.#references.set(item.index, machine);
    return machine;
  }
}
