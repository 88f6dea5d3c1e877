import { directOps } from "../../src/dma/direct.ts";
import type { DmaDevice, PeerMapType } from "../../src/dma/dma-device.ts";
import type { DmaMapping, DmaOps } from "../../src/dma/dma-ops.ts";
import { iommuOps } from "../../src/dma/iommu.ts";
import type { IommuMode } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { IommuUnits } from "../../src/iommu/units.ts";
import { P2pPool, type RemovalMode } from "../../src/memory/p2p-pool.ts";
import { PageMaps } from "../../src/memory/page-maps.ts";
import { UserSpace } from "../../src/memory/user-space.ts";
import { type Iova, PAGE_BYTES, type PhysRange, physAddr } from "../../src/pci/addresses.ts";
import { type Bdf, makeBdf } from "../../src/pci/bdf.ts";

export interface RemovalOptions {
  readonly mode: IommuMode;
  readonly mapType: PeerMapType;
  /** How the device leaves. */
  readonly removal: RemovalMode;
  /** How the driver gives a mapping back: in one go, or unlinked first. */
  readonly unmapping: "destroyed" | "unlinked";
  /** Whether a device that does not stop has to be kept out; else it only has to be said that it may get in. */
  readonly keepsOut?: boolean;
}

/** What may happen next: the driver of the drive, its hardware, a program with the memory mapped, the bus, the IOMMU. */
export const STEPS = [
  "allocate",
  "map",
  "begin DMA",
  "complete DMA",
  "unmap",
  "free",
  "a program maps memory",
  "the program unmaps it",
  "the device leaves",
  "the next owner comes",
  "flush",
  "a device does not stop",
] as const;
export type Step = (typeof STEPS)[number];

const drive: Bdf = makeBdf(0, 4, 0, 0);
const BAR: PhysRange = { start: physAddr(0x38_0000_0000), sizeBytes: 2 * PAGE_BYTES };
const BUS_OFFSET = -0x8_0000_0000;
const machine = readScenario("scenario: x\ncpu: intel\nkernel: 7.2\niommu: off\nhostBridges: [{ below: [] }]\n", "x");

/**
 * One run of p2pmem whose owner leaves: a drive has a page of it mapped, a program another, and when the last is back the
 * BAR may be another device's. Steps that cannot be taken change nothing and say so.
 */
export class RemovalRun {
  readonly violations: string[] = [];
  strays = 0;
  readonly #options: RemovalOptions;
  readonly #maps = new PageMaps();
  readonly #units: IommuUnits;
  readonly #ops: DmaOps;
  readonly #device: DmaDevice = { bdf: drive, maskBits: 64, ramBusOffset: 0 };
  readonly #user: UserSpace;
  #pool: P2pPool;
  /** Counts owners of the BAR. */
  #owner = 0;
  #isRemoved = false;
  #range: PhysRange | null = null;
  #mappings: readonly DmaMapping[] | null = null;
  #inFlight: { readonly mapping: DmaMapping; readonly owner: number } | null = null;
  #used: { readonly mapping: DmaMapping; readonly owner: number; isFlushed: boolean } | null = null;
  #mapped: number | null = null;

  constructor(options: RemovalOptions) {
    this.#options = options;
    this.#units = new IommuUnits(machine, { mode: options.mode, groups: new Map([[drive, 1]]), reserved: [] });
    const context = { pages: this.#maps, decide: () => options.mapType };
    this.#ops = options.mode === "off" ? directOps(context) : iommuOps({ ...context, domains: this.#units });
    this.#user = new UserSpace(this.#maps);
    this.#pool = this.#register();
  }

  #register(): P2pPool {
    const pool = new P2pPool(this.#maps, makeBdf(0, 3, 0, this.#owner % 8));
    pool.addResource({ owner: pool.owner, bar: 0, busOffset: BUS_OFFSET, range: BAR }, BAR);
    pool.publish();
    return pool;
  }

  /** Takes a step; false where it cannot be taken now. */
  take(step: Step): boolean {
    const isTaken = this.#take(step);
    if (
      this.#pool.state === "removed" &&
      (this.#range !== null || (this.#mapped !== null && this.#options.removal === "wait"))
    )
      this.violations.push("the owner is gone while its memory is in use");
    return isTaken;
  }

  #take(step: Step): boolean {
    switch (step) {
      case "allocate":
        if (this.#range !== null) return false;
        this.#range = this.#pool.alloc(PAGE_BYTES);
        return this.#range !== null;
      case "map":
        return this.#map();
      case "begin DMA":
        if (this.#mappings === null || this.#inFlight !== null) return false;
        this.#inFlight = { mapping: this.#mappings[0] as DmaMapping, owner: this.#owner };
        return true;
      case "complete DMA":
        return this.#complete();
      case "unmap":
        return this.#unmap();
      case "free":
        if (this.#range === null || this.#mappings !== null) return false;
        this.#pool.free(this.#range);
        this.#range = null;
        return true;
      case "a program maps memory": {
        if (this.#mapped !== null) return false;
        const mapped = this.#user.mmapPool(this.#pool, { sizeBytes: PAGE_BYTES });
        this.#mapped = mapped.ok ? mapped.value : null;
        return mapped.ok;
      }
      case "the program unmaps it":
        if (this.#mapped === null) return false;
        this.#user.munmap(this.#mapped, PAGE_BYTES);
        this.#mapped = null;
        return true;
      case "the device leaves":
        if (this.#pool.state !== "live") return false;
        this.#pool.remove(this.#options.removal, () => {
          this.#isRemoved = true;
        });
        return true;
      case "the next owner comes":
        if (!this.#isRemoved) return false;
        this.#isRemoved = false;
        this.#owner++;
        this.#pool = this.#register();
        return true;
      case "flush":
        return this.#flush();
      case "a device does not stop":
        return this.#goOn();
    }
  }

  #map(): boolean {
    if (this.#range === null || this.#mappings !== null) return false;
    const provider = this.#maps.providerAt(this.#range.start);
    if (provider === null) return false;
    const mapped = this.#ops.mapProviderRanges(this.#device, provider, [this.#range], "bidirectional");
    if (!mapped.ok) throw new Error(mapped.reason);
    this.#mappings = mapped.value;
    return true;
  }

  #unmap(): boolean {
    // A driver waits for its hardware before it unmaps.
    if (this.#mappings === null || this.#inFlight !== null) return false;
    if (this.#options.unmapping === "unlinked")
      this.#ops.unlinkProviderRanges(this.#device, this.#mappings, "bidirectional");
    else this.#ops.unmapProviderRanges(this.#device, this.#mappings, "bidirectional");
    this.#mappings = null;
    return true;
  }

  #complete(): boolean {
    const done = this.#inFlight;
    if (done === null) return false;
    this.#inFlight = null;
    if (!this.#lands(done.mapping)) this.violations.push("DMA under way was lost");
    if (done.owner !== this.#owner || this.#isRemoved) this.violations.push("DMA under way reached another owner");
    this.#used = { mapping: done.mapping, owner: done.owner, isFlushed: false };
    return true;
  }

  #flush(): boolean {
    const domain = this.#units.dmaDomainOf(drive);
    if (domain === null || domain.queueLength === 0) return false;
    domain.flush();
    if (this.#used !== null) this.#used.isFlushed = true;
    return true;
  }

  /** The drive uses addresses again that its driver gave back. */
  #goOn(): boolean {
    const used = this.#used;
    if (used === null || this.#mappings !== null) return false;
    const told = this.#ops.staleReach(this.#device, used.mapping);
    if (!this.#lands(used.mapping)) return true;
    this.strays++;
    const whose = used.owner === this.#owner ? "the BAR" : "the next owner's BAR";
    if (this.#options.keepsOut === true) this.violations.push(`a device that does not stop reached ${whose}`);
    if (told === "nothing") this.violations.push(`a device that does not stop reached ${whose}, and nothing said so`);
    return true;
  }

  /** Whether a request with the address of a mapping reaches the BAR. */
  #lands({ address, isBus }: DmaMapping): boolean {
    const inBar = (phys: number): boolean => phys >= BAR.start && phys < BAR.start + BAR.sizeBytes;
    if (isBus) return inBar(address - BUS_OFFSET);
    if (!this.#units.translates(drive)) return inBar(address);
    const translated = this.#units.translate(drive, address as number as Iova, true);
    return translated.ok && inBar(translated.phys);
  }

  /** Ends all that is open and checks that everything is given back. */
  finish(): void {
    for (const step of ["complete DMA", "unmap", "free", "the program unmaps it", "the device leaves"] as const)
      this.take(step);
    const domain = this.#units.dmaDomainOf(drive);
    domain?.flush();
    if (this.#pool.state !== "removed") this.violations.push(`the pool is left ${this.#pool.state}`);
    if (this.#maps.list().length > 0) this.violations.push("struct pages are left");
    const [mapped, iovas] = [domain?.mappedBytes ?? 0, domain?.iovas.allocationCount ?? 0];
    if (mapped > 0 || iovas > 0) this.violations.push(`${mapped} bytes and ${iovas} ranges are left mapped`);
  }

  /** Everything that decides what may come next. */
  get state(): string {
    const domain = this.#units.dmaDomainOf(drive);
    return JSON.stringify([
      ...[this.#pool.state, this.#pool.pagesInUse, this.#owner, this.#isRemoved, this.#range, this.#mappings],
      ...[this.#inFlight, this.#used, this.#mapped !== null, domain?.mappedBytes, domain?.queueLength],
      this.#used === null ? null : this.#ops.staleReach(this.#device, this.#used.mapping),
    ]);
  }
}

/** What a search found. */
export interface Search {
  readonly states: number;
  /** The longest run that was taken, in steps beyond `begun`. */
  readonly deepest: number;
  /** Runs in which a device that did not stop reached the BAR. */
  readonly strayed: number;
  /** The shortest run that breaks a rule, `null` where there is none. */
  readonly counterexample: { readonly steps: readonly Step[]; readonly violations: readonly string[] } | null;
}

/** Takes all steps in all orders, breadth first, from where `begun` leads, `depth` further ones at most. */
export function search(options: RemovalOptions, depth: number, begun: readonly Step[] = []): Search {
  const replay = (steps: readonly Step[]): RemovalRun => {
    const run = new RemovalRun(options);
    for (const step of steps) run.take(step);
    return run;
  };
  const seen = new Set([replay(begun).state]);
  let frontier: (readonly Step[])[] = [begun];
  let strayed = 0;
  let deepest = 0;
  for (let length = 1; length <= depth; length++) {
    const next: (readonly Step[])[] = [];
    for (const steps of frontier) {
      for (const step of STEPS) {
        const run = replay(steps);
        if (!run.take(step)) continue;
        deepest = length;
        if (run.strays > 0) strayed++;
        const path = [...steps, step];
        const { state } = run;
        if (run.violations.length === 0 && !seen.has(state)) {
          seen.add(state);
          next.push(path);
          run.finish();
        }
        if (run.violations.length > 0)
          return { states: seen.size, deepest, strayed, counterexample: { steps: path, violations: run.violations } };
      }
    }
    frontier = next;
  }
  return { states: seen.size, deepest, strayed, counterexample: null };
}
