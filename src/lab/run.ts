import type { DmaDirection } from "../dma/dma-device.ts";
import type { DmaFailure } from "../dma/dma-error.ts";
import { type DmaEntry, dmaEntries, type Scatterlist } from "../dma/scatterlist.ts";
import { type CostCounters, noCost } from "../memory/cost.ts";
import type { Provider } from "../memory/provider.ts";
import { holds, PAGE_BYTES, type PhysAddr } from "../pci/addresses.ts";
import { noEntry } from "../pci/entry-at.ts";
import { buildLabMachine } from "./build-machine.ts";
import type { DesignMapper, MappingDesign } from "./design.ts";
import { requireDesign } from "./designs/all-designs.ts";
import type { LabMachine } from "./lab-machine.ts";
import { listOf, type SegmentKind } from "./list-kinds.ts";
import { requireClass } from "./machines/all-classes.ts";
import type { MachineClass } from "./machines/machine-class.ts";
import { type LabOutcome, outcomeOf, type Refusal, type RunCost, type RunResult } from "./outcome.ts";
import type { RunPlan } from "./run-id.ts";
import { Transfer, type Transferred } from "./transfer.ts";

/** What the owner puts into the memory first, and what the device writes over it. */
const BEFORE = 0x0f0f_1234;
const AFTER = 0x5a5a_4321;
/** DMA entries that a result keeps. */
const KEPT_ENTRIES = 16;

/** What became of a list that a design refused, when its user took system memory instead. */
export interface FallBack {
  readonly outcome: LabOutcome;
  /** Bytes that had to be fetched from peer memory first, by the CPU: they were in there already. */
  readonly copiedBytes: number;
}

/** A design on a machine of a class, for any number of runs, one after the other. */
export class DesignRunner {
  readonly design: MappingDesign;
  readonly machine: LabMachine;
  readonly #mapper: DesignMapper;
  readonly #idle: string;

  /** Throws `usage` for one of yours that has a name of the lab's, or a machine without what lists need. */
  constructor(design: MappingDesign, kind: MachineClass) {
    requireDesign(design);
    requireClass(kind);
    this.design = design;
    this.machine = buildLabMachine(kind, design.hasPeerPages);
    this.#mapper = design.open(this.machine.world);
    this.#idle = this.machine.leftovers();
  }

  /**
   * Carries a list out: built, prepared and mapped by the design, read and written by the device with nothing but the DMA
   * entries, compared where the bytes belong, unmapped, released. A design that maps by direction does all of it twice.
   */
  run(segments: readonly SegmentKind[], seed: number): RunResult {
    const { machine } = this;
    const { cost } = machine.world;
    const list = listOf(machine, segments, seed);
    const at = list.phys.slice();
    const transfer = new Transfer(machine, list, segments);
    this.#clear();
    transfer.fill(BEFORE);
    const spent: RunCost = { prepare: noCost(), map: noCost(), unmap: noCost() };
    const during = <T>(part: keyof RunCost, work: () => T): T => {
      const before = { ...cost };
      const result = work();
      for (const name of NAMES) spent[part][name] += cost[name] - before[name];
      return result;
    };
    const early = during("prepare", () => this.#prepare(list, segments));
    const moved = machine.spare.movedBytes;
    const ends: { read: Transferred; write: Transferred } = { read: REFUSED, write: REFUSED };
    let entries: readonly DmaEntry[] = [];
    let refusal = early;
    machine.fabric.counters.clear();
    const directions: readonly DmaDirection[] = this.design.mapsByDirection ? BY_DIRECTION : ["bidirectional"];
    for (const direction of early === null ? directions : []) {
      const bounced = cost.bouncedBytes;
      const mapped = during("map", () => this.#mapper.map(list, direction));
      if (!mapped.ok) {
        refusal ??= this.#refusal(mapped, "mapping");
        continue;
      }
      entries = dmaEntries(list);
      const isBounced = cost.bouncedBytes > bounced;
      if (direction !== "from-device") ends.read = transfer.read(BEFORE);
      if (direction !== "to-device") ends.write = transfer.write(AFTER, isBounced);
      during("unmap", () => this.#mapper.unmap(list, direction));
      if (direction !== "to-device") ends.write = this.#afterUnmap(transfer, ends.write);
    }
    if (entries.length > 0) during("unmap", () => this.#mapper.release());
    else this.#mapper.release();
    const { rootComplexBytes } = machine.fabric.counters;
    const result: RunResult = {
      read: ends.read.outcome,
      write: ends.write.outcome,
      refusal,
      mishap: ends.read.mishap ?? ends.write.mishap,
      cost: spent,
      entryCount: entries.length,
      entries: entries.slice(0, KEPT_ENTRIES),
      throughRoot: transfer.peerBytes === 0 ? 0 : rootComplexBytes / transfer.peerBytes / 2,
      inHostMemory: transfer.peerBytes === 0 ? 0 : moved / (transfer.peerSegments * PAGE_BYTES),
      structPageBytes: machine.structPageBytes,
      isRestored: machine.leftovers() === this.#idle,
      isContained: this.#isContained([at, list.phys]),
    };
    machine.spare.release();
    return result;
  }

  /**
   * What a user does who is refused: takes system memory for the peers' part, fetches what was in there already, and has it
   * mapped as RAM. `null` where the design does not refuse. Memory that is refused at allocation holds nothing yet.
   */
  fallBack(segments: readonly SegmentKind[], seed: number): FallBack | null {
    const { machine } = this;
    const { device, host } = machine.world;
    const list = listOf(machine, segments, seed);
    const transfer = new Transfer(machine, list, segments);
    const isHandedOutLate = this.design.preparation === "allocation" || machine.whyNoPages !== null;
    this.#clear();
    if (!isHandedOutLate) transfer.fill(BEFORE);
    let refusal: object | null = this.#prepare(list, segments);
    const isEmpty = isHandedOutLate && refusal !== null;
    if (refusal === null) {
      if (isHandedOutLate) transfer.fill(BEFORE);
      const mapped = this.#mapper.map(list, "bidirectional");
      if (mapped.ok) this.#mapper.unmap(list, "bidirectional");
      else refusal = mapped;
    }
    this.#mapper.release();
    if (refusal === null) return null;
    segments.forEach((kind, index) => {
      if (kind !== "r") machine.spare.move(list, index, !isEmpty);
    });
    if (isEmpty) transfer.fill(BEFORE);
    const copiedBytes = machine.spare.copiedBytes;
    const mapped = host.mapList(device, list, "bidirectional");
    let ends: Pick<RunResult, "read" | "write"> = { read: "refused", write: "refused" };
    if (mapped.ok) {
      const read = transfer.read(BEFORE).outcome;
      const write = transfer.write(AFTER, true);
      host.unmapList(device, list, "bidirectional");
      ends = { read, write: this.#afterUnmap(transfer, write).outcome };
    }
    machine.spare.release();
    return { outcome: outcomeOf(ends), copiedBytes };
  }

  /** Prepares, maps, unmaps and releases without moving a byte; false where it was refused. For measuring time. */
  mapOnly(segments: readonly SegmentKind[], seed: number, times: number): boolean {
    const list = listOf(this.machine, segments, seed);
    this.#mapper.build?.(list, ownersOf(this.machine, segments));
    this.machine.spare.release();
    for (let index = 0; index < times; index++) {
      const isMapped = this.#mapper.prepare(list) === null && this.#mapper.map(list, "bidirectional").ok;
      if (isMapped) this.#mapper.unmap(list, "bidirectional");
      this.#mapper.release();
      if (!isMapped) return false;
    }
    return true;
  }

  #prepare(list: Scatterlist, segments: readonly SegmentKind[]): Refusal | null {
    const { whyNoPages } = this.machine;
    const hasPeers = segments.some((kind) => kind !== "r");
    // Without struct pages there is nothing to put into the list.
    if (whyNoPages !== null && hasPeers) return { phase: "building", errno: "EINVAL", reason: whyNoPages };
    this.#mapper.build?.(list, ownersOf(this.machine, segments));
    const failure = this.#mapper.prepare(list);
    return failure === null ? null : this.#refusal(failure, this.design.preparation);
  }

  #refusal({ errno, reason }: DmaFailure, phase: Refusal["phase"]): Refusal {
    return { phase, errno, reason };
  }

  #clear(): void {
    for (const { store } of this.machine.stores) store.fill(0, Number.MAX_SAFE_INTEGER - PAGE_BYTES, 0);
  }

  /** A write that was right may still not be there: overwritten by a later one, or not copied back. */
  #afterUnmap(transfer: Transfer, { outcome, mishap }: Transferred): Transferred {
    const isGone = outcome === "right" && transfer.firstDifference(AFTER) >= 0;
    return { outcome: isGone ? "wrong-address" : outcome, mishap };
  }

  /** Whether the pages that hold bytes are those of the list, where it lay and where it lies, but for bounce buffers. */
  #isContained(places: readonly Float64Array[]): boolean {
    const { bounceRanges, placeOf, stores } = this.machine;
    const expected = new Map(stores.map(({ store }) => [store, new Set<number>()]));
    for (const phys of places) {
      for (let index = 0; index < phys.length; index++) {
        const { store, at } = placeOf((phys[index] ?? noEntry(index)) as PhysAddr);
        expected.get(store)?.add(at);
      }
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

const NAMES = Object.keys(noCost()) as readonly (keyof CostCounters)[];
const BY_DIRECTION: readonly DmaDirection[] = ["to-device", "from-device"];
const REFUSED: Transferred = { outcome: "refused", mishap: null };

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
