import type { DmaEntry } from "../../src/dma/scatterlist.ts";
import type { DmaBuf } from "../../src/dmabuf/dma-buf.ts";
import { GuestMemoryMap } from "../../src/dmabuf/guest-memory-map.ts";
import { type RdmaAccess, type RdmaMode, RdmaRegion } from "../../src/dmabuf/rdma-region.ts";
import type { VfioOperation } from "../../src/dmabuf/vfio-operation.ts";
import type { Iova } from "../../src/pci/addresses.ts";
import { Bed, type BedOptions, GUEST_ADDRESS, noLeaks } from "./test-bed.ts";

export interface ModelOptions extends BedOptions {
  readonly rdma: RdmaMode;
  /** Whether a device that does not stop has to be kept out; else it only has to be said that it may get in. */
  readonly keepsOut?: boolean;
}

/** What may happen next, by anybody: the NIC, its driver, the guest, the user of the device, the bus. */
export const STEPS = [
  "begin DMA",
  "complete the oldest DMA",
  "complete the newest DMA",
  "register",
  "deregister",
  "map into the guest",
  "unmap from the guest",
  "begin guest DMA",
  "complete guest DMA",
  "reset",
  "memory decode off",
  "memory decode on",
  "close",
  "open again",
  "remove",
  "flush",
  "a device does not stop",
] as const;
export type Step = (typeof STEPS)[number];

const MAX_IN_FLIGHT = 2;

interface InFlight {
  readonly region: RdmaRegion;
  readonly access: RdmaAccess;
  readonly generation: number;
}

/**
 * One run of the system: a VFIO device whose BAR is exported, an RDMA region and a guest that import it, DMA that is
 * begun with an address and lands when it completes. Steps that cannot be taken change nothing and say so.
 */
export class Run {
  readonly bed: Bed;
  readonly violations: string[] = [];
  readonly #rdma: RdmaMode;
  #buffer: DmaBuf;
  readonly #buffers: DmaBuf[] = [];
  #region: RdmaRegion | null = null;
  readonly #regions: RdmaRegion[] = [];
  readonly #guest: GuestMemoryMap;
  readonly #inFlight: InFlight[] = [];
  #guestInFlight: { readonly generation: number } | null = null;
  readonly #operations: VfioOperation[] = [];
  readonly #keepsOut: boolean;
  /** Addresses that the NIC has used, and whether the IOMMU was flushed since. */
  #used: { readonly region: RdmaRegion; readonly access: RdmaAccess; isFlushed: boolean } | null = null;
  /** Uses of old addresses that reached the BAR. */
  strays = 0;

  constructor(options: ModelOptions) {
    this.bed = new Bed(options);
    this.#keepsOut = options.keepsOut ?? false;
    this.#rdma = options.rdma;
    this.#guest = new GuestMemoryMap("guest", this.bed.guestDomain);
    this.#buffer = this.bed.openAndExport([2, 1]);
    this.#buffers.push(this.#buffer);
    this.#register();
    this.#mapGuest();
  }

  /** Takes a step; false where it cannot be taken now. */
  take(step: Step): boolean {
    const taken = this.#take(step);
    this.#checkProgress(step);
    return taken;
  }

  #take(step: Step): boolean {
    switch (step) {
      case "begin DMA":
        return this.#begin();
      case "complete the oldest DMA":
        return this.#complete(this.#inFlight.shift());
      case "complete the newest DMA":
        return this.#inFlight.length > 1 && this.#complete(this.#inFlight.pop());
      case "register":
        return this.#region === null && this.#register();
      case "deregister":
        return this.#deregister();
      case "map into the guest":
        return this.#guest.areas.length === 0 && this.#mapGuest();
      case "unmap from the guest":
        if (this.#guest.areas.length === 0) return false;
        this.#guest.unmap(GUEST_ADDRESS);
        return true;
      case "begin guest DMA":
        if (this.#guestInFlight !== null) return false;
        this.#guestInFlight = { generation: this.bed.generation };
        return true;
      case "complete guest DMA":
        return this.#completeGuest();
      case "open again":
        return this.#openAgain();
      case "remove":
        if (this.#operations.some(({ change }) => change === "remove")) return false;
        this.#operations.push(this.bed.vfio.remove());
        return true;
      case "flush":
        return this.#flush();
      case "a device does not stop":
        return this.#goOn();
      default:
        return this.#change(step);
    }
  }

  #flush(): boolean {
    const domain = this.bed.units.dmaDomainOf(this.bed.device.bdf);
    if (domain === null || domain.queueLength === 0) return false;
    domain.flush();
    if (this.#used !== null) this.#used.isFlushed = true;
    return true;
  }

  /** The NIC uses addresses again whose mapping its driver gave back: it must be kept out, or said to get in. */
  #goOn(): boolean {
    const used = this.#used;
    // What another region of the NIC was given again is its own.
    if (used === null || used.access.spans.some((span) => this.#isGranted(span))) return false;
    const told = this.bed.vfio.leftOpen;
    for (const span of used.access.spans) {
      if ("lost" in this.bed.land(span)) continue;
      this.strays++;
      if (this.#keepsOut) this.violations.push("a device that does not stop reached the BAR");
      if (told.length === 0)
        this.violations.push("a device that does not stop reached the BAR, and nothing said that it may");
    }
    return true;
  }

  #isGranted({ address, isBus }: DmaEntry): boolean {
    const { bed } = this;
    const domain = bed.units.dmaDomainOf(bed.device.bdf);
    if (domain !== null && !isBus) return domain.lookUp(address as number as Iova) !== null;
    return this.#regions.some(({ state }) => state === "usable" || state === "draining");
  }

  #register(): boolean {
    const { bed } = this;
    const options = { name: "NIC", buffer: this.#buffer, device: bed.device, dma: bed.dma, mode: this.#rdma };
    if (this.#buffer.references === 0) return false;
    const region = RdmaRegion.register(options);
    if (!region.ok) return false;
    this.#region = region.value;
    this.#regions.push(region.value);
    return true;
  }

  #deregister(): boolean {
    if (this.#region === null) return false;
    this.#region.deregister();
    this.#region = null;
    return true;
  }

  #mapGuest(): boolean {
    return this.#buffer.references > 0 && this.#guest.mapBuffer(GUEST_ADDRESS, this.#buffer).ok;
  }

  #begin(): boolean {
    if (this.#region === null || this.#inFlight.length === MAX_IN_FLIGHT) return false;
    const access = this.#region.access(0, 64);
    if (!access.ok) return false;
    this.#inFlight.push({ region: this.#region, access: access.value, generation: this.bed.generation });
    return true;
  }

  /** The DMA lands now, with the address that it was begun with: it must still be the same memory of the same owner. */
  #complete(done: InFlight | undefined): boolean {
    if (done === undefined) return false;
    for (const span of done.access.spans) {
      const landing = this.bed.land(span);
      if ("lost" in landing) this.violations.push(`DMA under way was lost: ${landing.lost}`);
      else if (landing.offset !== 2 * 4096) this.violations.push(`DMA went to ${landing.offset} of the BAR`);
      if (done.generation !== this.bed.generation)
        this.violations.push("DMA reached the BAR after the device had changed");
    }
    done.region.complete(done.access);
    this.#used = { region: done.region, access: done.access, isFlushed: false };
    return true;
  }

  /** Nobody waits for a guest's DMA: it faults, or it reaches the memory that the guest was given. */
  #completeGuest(): boolean {
    if (this.#guestInFlight === null) return false;
    this.#guestInFlight = null;
    const landing = this.bed.landFromGuest(GUEST_ADDRESS);
    if ("lost" in landing) return true;
    if (this.#guest.areas.length === 0 || this.#guest.areas.some(({ isRevoked }) => isRevoked)) {
      this.violations.push("a guest's DMA reached the BAR after it was taken back");
    }
    if (this.bed.vfio.isRevoked(this.#buffer)) this.violations.push("a guest's DMA reached a revoked BAR");
    return true;
  }

  #change(step: "reset" | "memory decode off" | "memory decode on" | "close"): boolean {
    const { vfio } = this.bed;
    if (vfio.state !== "open" || this.#operations.some(({ change, isDone }) => change === "close" && !isDone))
      return false;
    if (step === "reset") this.#operations.push(vfio.reset());
    else if (step === "close") this.#operations.push(vfio.close());
    else this.#operations.push(vfio.setMemoryDecode(step === "memory decode on"));
    return true;
  }

  #openAgain(): boolean {
    const { vfio } = this.bed;
    if (vfio.state !== "closed" || this.#operations.some(({ change }) => change === "remove")) return false;
    this.#buffer = this.bed.openAndExport([2, 1]);
    this.#buffers.push(this.#buffer);
    return true;
  }

  /** Nothing waits for anything but DMA that is under way, and what is done has really been done. */
  #checkProgress(step: Step): void {
    this.violations.push(...this.bed.violations.splice(0));
    const waiting = this.#operations.filter(({ isDone, change }) => !isDone && change !== "remove");
    if (this.#inFlight.length === 0 && waiting.length > 0) {
      this.violations.push(`after '${step}' the device waits for nobody: ${waiting[0]?.waitsFor.join(", ")}`);
    }
    for (const { isDone, waitsFor, change } of this.#operations) {
      if (isDone !== (waitsFor.length === 0)) this.violations.push(`${change} does not say what it waits for`);
    }
  }

  /** Ends all that is open and checks that everything is given back. */
  finish(): void {
    while (this.#inFlight.length > 0) this.take("complete the oldest DMA");
    this.take("deregister");
    this.take("unmap from the guest");
    this.take("close");
    for (const region of this.#regions) {
      if (region.state !== "deregistered") this.violations.push(`a region is left ${region.state}`);
    }
    for (const buffer of this.#buffers) {
      buffer.put();
      if (buffer.references !== 0 || buffer.attachments.length > 0)
        this.violations.push("a reference of a buffer is left");
    }
    for (const { change, isDone } of this.#operations) if (!isDone) this.violations.push(`${change} is never done`);
    const { leaks } = this.bed;
    if (JSON.stringify(leaks) !== JSON.stringify(noLeaks)) this.violations.push(`left: ${JSON.stringify(leaks)}`);
    this.violations.push(...this.bed.violations.splice(0));
  }

  /** Everything that decides what may come next: runs with the same text behave the same from here. */
  get state(): string {
    const { vfio, units } = this.bed;
    return JSON.stringify([
      vfio.state,
      vfio.isDecoding,
      this.#buffers.map((buffer) => [vfio.isRevoked(buffer), buffer.mappedBy, buffer.pinnedBy, buffer.references]),
      this.#buffer.reservation.pending,
      this.#regions.map(({ state }) => state),
      this.#region?.state,
      this.#inFlight.map(({ region, access, generation }) => [
        this.#regions.indexOf(region),
        access.spans,
        generation === this.bed.generation,
      ]),
      this.#guest.areas,
      this.#guestInFlight?.generation === this.bed.generation,
      this.#guestInFlight === null,
      this.#operations.filter(({ isDone }) => !isDone).map(({ change }) => change),
      this.#operations.some(({ change }) => change === "remove"),
      units.dmaDomainOf(this.bed.device.bdf)?.mappedBytes,
      units.dmaDomainOf(this.bed.device.bdf)?.queueLength,
      this.#used === null
        ? null
        : [this.#regions.indexOf(this.#used.region), this.#used.access.spans, this.#used.isFlushed],
      vfio.leftOpen,
    ]);
  }
}

/** What a search found. */
export interface Search {
  readonly states: number;
  /** The longest run that was taken, in steps. */
  readonly deepest: number;
  /** Runs in which a device that did not stop reached the BAR. */
  readonly strayed: number;
  /** The shortest run that breaks a rule, `null` where there is none. */
  readonly counterexample: { readonly steps: readonly Step[]; readonly violations: readonly string[] } | null;
}

/**
 * Takes all steps in all orders, breadth first, up to `depth`; a state that was seen is not left again. Each state is
 * also brought to an end, to see that nothing is left over.
 */
export function search(options: ModelOptions, depth: number): Search {
  const seen = new Set([replay(options, []).state]);
  let frontier: (readonly Step[])[] = [[]];
  let strayed = 0;
  let deepest = 0;
  for (let length = 1; length <= depth; length++) {
    const next: (readonly Step[])[] = [];
    for (const steps of frontier) {
      for (const step of STEPS) {
        const run = replay(options, steps);
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
        if (run.violations.length > 0) {
          return {
            states: seen.size,
            deepest,
            strayed,
            counterexample: { steps: path, violations: run.violations },
          };
        }
      }
    }
    frontier = next;
  }
  return { states: seen.size, deepest, strayed, counterexample: null };
}

function replay(options: ModelOptions, steps: readonly Step[]): Run {
  const run = new Run(options);
  for (const step of steps) run.take(step);
  return run;
}
