import type { DmaFailure } from "../dma/dma-error.ts";
import { dmaEntries } from "../dma/scatterlist.ts";
import { type CostCounters, noCost } from "../memory/cost.ts";
import type { Provider } from "../memory/provider.ts";
import { holds, PAGE_BYTES } from "../pci/addresses.ts";
import { noEntry } from "../pci/entry-at.ts";
import { buildLabMachine } from "./build-machine.ts";
import type { DesignMapper, MappingDesign } from "./design.ts";
import type { LabMachine } from "./lab-machine.ts";
import { listOf, type SegmentKind } from "./list-kinds.ts";
import type { MachineClass } from "./machines/machine-class.ts";
import type { LabOutcome, Refusal, RunResult } from "./outcome.ts";
import type { RunPlan } from "./run-id.ts";
import { Transfer } from "./transfer.ts";

/** What the owner puts into the memory first, and what the device writes over it. */
const BEFORE = 0x0f0f_1234;
const AFTER = 0x5a5a_4321;
/** DMA entries that a result keeps. */
const KEPT_ENTRIES = 16;

/** A design on a machine of a class, for any number of runs, one after the other. */
export class DesignRunner {
  readonly design: MappingDesign;
  readonly machine: LabMachine;
  readonly #mapper: DesignMapper;
  readonly #idle: string;

  constructor(design: MappingDesign, kind: MachineClass) {
    this.design = design;
    this.machine = buildLabMachine(kind, design.hasPeerPages);
    this.#mapper = design.open(this.machine.world);
    this.#idle = this.machine.leftovers();
  }

  /**
   * Carries a list out: prepared and mapped by the design, read and written by the device with nothing but the DMA
   * entries, compared where the bytes belong, unmapped, released.
   */
  run(segments: readonly SegmentKind[], seed: number): RunResult {
    const { machine } = this;
    const { cost } = machine.world;
    const list = listOf(machine, segments, seed);
    const transfer = new Transfer(machine, list, segments);
    for (const { store } of machine.stores) store.fill(0, Number.MAX_SAFE_INTEGER - PAGE_BYTES, 0);
    transfer.fill(BEFORE);
    const start = { ...cost };
    this.#mapper.build?.(list, ownersOf(machine, segments));
    const refusedEarly = this.#mapper.prepare(list);
    const prepared = { ...cost };
    const mapped = refusedEarly ?? this.#mapper.map(list, "bidirectional");
    const atMap = { ...cost };
    if (!mapped.ok) {
      this.#mapper.release();
      const phase = refusedEarly === null ? "mapping" : this.design.preparation;
      return this.#refused(mapped, phase, [start, prepared, atMap]);
    }
    const entries = dmaEntries(list);
    machine.fabric.counters.clear();
    const read = transfer.read(BEFORE);
    const isBounced = atMap.bouncedBytes > prepared.bouncedBytes;
    const written = transfer.write(AFTER, isBounced);
    const throughRoot =
      transfer.peerBytes === 0 ? 0 : machine.fabric.counters.rootComplexBytes / transfer.peerBytes / 2;
    const unmapStart = { ...cost };
    this.#mapper.unmap(list, "bidirectional");
    this.#mapper.release();
    const end = { ...cost };
    return {
      read: read.outcome,
      write: this.#afterUnmap(transfer, written.outcome),
      refusal: null,
      mishap: read.mishap ?? written.mishap,
      cost: {
        prepare: costBetween(start, prepared),
        map: costBetween(prepared, atMap),
        unmap: costBetween(unmapStart, end),
      },
      entryCount: entries.length,
      entries: entries.slice(0, KEPT_ENTRIES),
      throughRoot,
      structPageBytes: machine.structPageBytes,
      isRestored: machine.leftovers() === this.#idle,
      isContained: this.#isContained(segments.length, list.phys),
    };
  }

  /** Prepares, maps, unmaps and releases without moving a byte; false where it was refused. For measuring time. */
  mapOnly(segments: readonly SegmentKind[], seed: number, times: number): boolean {
    const list = listOf(this.machine, segments, seed);
    this.#mapper.build?.(list, ownersOf(this.machine, segments));
    for (let index = 0; index < times; index++) {
      const isMapped = this.#mapper.prepare(list) === null && this.#mapper.map(list, "bidirectional").ok;
      if (isMapped) this.#mapper.unmap(list, "bidirectional");
      this.#mapper.release();
      if (!isMapped) return false;
    }
    return true;
  }

  /** A write that was right may still not be there: overwritten by a later one, or not copied back. */
  #afterUnmap(transfer: Transfer, outcome: LabOutcome): LabOutcome {
    return outcome === "right" && transfer.firstDifference(AFTER) >= 0 ? "wrong-address" : outcome;
  }

  #refused(
    { errno, reason }: DmaFailure,
    phase: Refusal["phase"],
    [start, prepared, end]: readonly [CostCounters, CostCounters, CostCounters],
  ): RunResult {
    return {
      read: "refused",
      write: "refused",
      refusal: { phase, errno, reason },
      mishap: null,
      cost: { prepare: costBetween(start, prepared), map: costBetween(prepared, end), unmap: noCost() },
      entryCount: 0,
      entries: [],
      throughRoot: 0,
      structPageBytes: this.machine.structPageBytes,
      isRestored: this.machine.leftovers() === this.#idle,
      isContained: true,
    };
  }

  /** Whether the pages that hold bytes are those of the list, but for bounce buffers. */
  #isContained(count: number, phys: Float64Array): boolean {
    const { bounceRanges, placeOf, stores } = this.machine;
    const expected = new Map(stores.map(({ store }) => [store, new Set<number>()]));
    for (let index = 0; index < count; index++) {
      const { store, at } = placeOf((phys[index] ?? noEntry(index)) as Parameters<typeof placeOf>[0]);
      expected.get(store)?.add(at);
    }
    return stores.every(({ store, owner }) => {
      const pages = expected.get(store);
      return store.storedPages().every((page) => {
        const isBounce = owner === null && bounceRanges.some((range) => holds(range, page));
        return pages?.has(page) === true || isBounce;
      });
    });
  }
}

/** Carries out one run on a machine of its own. */
export function runOnce({ design, kind, seed, segments }: RunPlan): RunResult {
  return new DesignRunner(design, kind).run(segments, seed);
}

/** Whose memory each segment is. */
function ownersOf({ peers }: LabMachine, segments: readonly SegmentKind[]): readonly (Provider | null)[] {
  const [a, b] = peers;
  const owners = { a: a.provider, b: b.provider, r: null };
  return segments.map((kind) => owners[kind]);
}

function costBetween(before: CostCounters, after: CostCounters): CostCounters {
  const difference = noCost();
  for (const name of Object.keys(difference) as (keyof CostCounters)[]) difference[name] = after[name] - before[name];
  return difference;
}
