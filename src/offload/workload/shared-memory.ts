import type { MemoryRegion } from "../../devices/rdma/memory-region.ts";
import type { RdmaNic } from "../../devices/rdma/rdma-nic.ts";
import type { System } from "../../devices/system.ts";
import { openVfio } from "../../devices/vfio.ts";
import { granted } from "../../dma/dma-error.ts";
import type { DmaBuf } from "../../dmabuf/dma-buf.ts";
import { GuestMemoryMap } from "../../dmabuf/guest-memory-map.ts";
import type { RdmaMode } from "../../dmabuf/rdma-region.ts";
import type { VfioDevice } from "../../dmabuf/vfio-device.ts";
import { vfioRulesOf } from "../../dmabuf/vfio-release.ts";
import type { VfioRules } from "../../dmabuf/vfio-rules.ts";
import type { ByteStore } from "../../memory/bytes.ts";
import { UserSpace } from "../../memory/user-space.ts";
import { type ByteRange, type Iova, iova, type PhysAddr, type PhysRange } from "../../pci/addresses.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { formatSize } from "../../pci/size.ts";

/** A run of bytes at their owner: in a BAR, or in RAM. */
export interface OwnedRun {
  readonly store: ByteStore;
  readonly offset: number;
  readonly lengthBytes: number;
}

/** A buffer that a step exported. */
export interface SharedBuffer {
  readonly owner: Bdf;
  readonly bar: number;
  /** Within the BAR, in the order of the buffer's offsets. */
  readonly ranges: readonly ByteRange[];
  readonly buffer: DmaBuf;
}

/** A region that a step imported. */
export interface SharedRegion {
  readonly nic: RdmaNic;
  readonly region: MemoryRegion;
  readonly of: SharedBuffer;
}

/** A virtual machine: what its devices find at guest-physical addresses. */
export interface Guest {
  readonly map: GuestMemoryMap;
  readonly domain: ReturnType<System["units"]["newDomain"]>;
  /** Host memory behind guest-physical address 0 and on; `null` without. */
  ram: PhysRange | null;
  readonly buffers: Map<Iova, SharedBuffer>;
  readonly devices: Set<Bdf>;
}

/** Memory of a process that a step mapped. */
export interface UserMapping {
  readonly owner: Bdf;
  readonly address: number;
  readonly sizeBytes: number;
}

/** What the steps of a workload share by names: buffers, regions, guests, and mappings of one process. */
export class SharedMemory {
  readonly user: UserSpace;
  readonly #system: System;
  readonly #rules: string | undefined;
  readonly #vfio = new Map<Bdf, VfioDevice>();
  readonly #buffers = new Map<string, SharedBuffer>();
  readonly #regions = new Map<string, SharedRegion>();
  readonly #guests = new Map<string, Guest>();
  readonly #mappings = new Map<string, UserMapping>();

  /** `rules`: a release whose rules to use instead of the machine's. */
  constructor(system: System, rules: string | undefined) {
    this.#system = system;
    this.#rules = rules;
    this.user = new UserSpace(system.maps);
  }

  /** The VFIO device of a function, `undefined` where no step has exported anything of it. */
  vfio(fn: Bdf): VfioDevice | undefined {
    return this.#vfio.get(fn);
  }

  /** Throws `operation-failed` where the kernel, the device or its state refuses, `unsupported` where the kernel is hidden. */
  export(fn: Bdf, bar: number, ranges: readonly ByteRange[] | null, as: string): SharedBuffer {
    const vfio = this.#open(fn, this.#vfioRules());
    const whole = this.#system.physical.barRange(fn, bar);
    const parts = ranges ?? [{ start: 0, sizeBytes: whole?.sizeBytes ?? 0 }];
    const shared = { owner: fn, bar, ranges: parts, buffer: granted(vfio.exportRanges(bar, parts)) };
    this.#buffers.set(as, shared);
    return shared;
  }

  #open(fn: Bdf, rules: VfioRules): VfioDevice {
    const known = this.#vfio.get(fn);
    if (known?.state === "open") return known;
    if (known?.state === "closed") {
      granted(known.open());
      return known;
    }
    const vfio = openVfio(this.#system, fn, { rules });
    this.#vfio.set(fn, vfio);
    return vfio;
  }

  #vfioRules(): VfioRules {
    const rules = vfioRulesOf(this.#system.machine, this.#rules);
    if (rules !== null) return rules;
    throw new PeerlaneError("operation-failed", "ENOTTY: VFIO exports no memory before Linux 6.19", {
      facts: { errno: "ENOTTY" },
      remedy: "take a machine with a newer kernel, or '--kernel'",
    });
  }

  /** Registers a buffer at an adapter; throws as {@link export}. */
  import(name: string, nic: RdmaNic, mode: RdmaMode, as: string): SharedRegion {
    const of = this.#need(this.#buffers, name);
    const region = granted(nic.registerBuffer(of.buffer, { mode, name: `${formatBdf(nic.fn)} (${as})` }));
    const shared = { nic, region, of };
    this.#regions.set(as, shared);
    return shared;
  }

  region(name: string): SharedRegion {
    return this.#need(this.#regions, name);
  }

  /** True where steps registered memory at an adapter: its driver in the host uses it. */
  hasRegions(nic: Bdf): boolean {
    return [...this.#regions.values()].some((region) => region.nic.fn === nic);
  }

  /** The adapter that has a region, if its step made it. */
  clientOf(name: string): readonly Bdf[] {
    const found = this.#regions.get(name);
    return found === undefined ? [] : [found.nic.fn];
  }

  /** The guest of a name, made where there is none. Throws `operation-failed` without an IOMMU. */
  guest(name: string): Guest {
    const known = this.#guests.get(name);
    if (known !== undefined) return known;
    const { units } = this.#system;
    if (units.mode === "off") {
      throw new PeerlaneError("operation-failed", "a guest gets no device: no IOMMU keeps it to the guest's memory");
    }
    const domain = units.newDomain();
    const map = new GuestMemoryMap(name, domain);
    const guest = { map, domain, ram: null, buffers: new Map<Iova, SharedBuffer>(), devices: new Set<Bdf>() };
    this.#guests.set(name, guest);
    return guest;
  }

  /** Gives a guest RAM from guest-physical address 0 on. Throws `operation-failed` where it has some, or there is no more. */
  giveRam(guest: Guest, sizeBytes: number): void {
    const range = guest.ram === null ? this.#system.ram.alloc(sizeBytes) : null;
    if (range === null) {
      const why =
        guest.ram === null ? `the host has no ${formatSize(sizeBytes)} of RAM in one run` : "it has RAM already";
      throw new PeerlaneError("operation-failed", `${guest.map.name} gets no RAM: ${why}`);
    }
    granted(guest.map.mapRam(iova(0), range));
    guest.ram = range;
  }

  /** Maps a buffer for a guest, in place of one that was taken back. Throws `operation-failed` where that is refused. */
  mapForGuest(guest: Guest, name: string, at: number): void {
    const shared = this.#need(this.#buffers, name);
    const start = iova(at);
    if (guest.map.areas.some((area) => area.start === start && area.isRevoked)) guest.map.unmap(start);
    granted(guest.map.mapBuffer(start, shared.buffer, { pins: this.#vfioRules().takesPins }));
    guest.buffers.set(start, shared);
  }

  /** Maps peer memory into the process. Throws `operation-failed` where the kernel refuses. */
  mmap(fn: Bdf, sizeBytes: number, as: string): UserMapping {
    const pool = this.#system.pools.get(fn);
    if (pool === undefined) throw new PeerlaneError("operation-failed", `${formatBdf(fn)} has no peer memory any more`);
    const mapping = { owner: fn, address: granted(this.user.mmapPool(pool, { sizeBytes })), sizeBytes };
    this.#mappings.set(as, mapping);
    return mapping;
  }

  mapping(name: string): UserMapping {
    return this.#need(this.#mappings, name);
  }

  /** A part of a buffer, at its owner. */
  partOfBuffer({ owner, bar, ranges }: SharedBuffer, offset: number, lengthBytes: number): readonly OwnedRun[] {
    const store = this.#system.fabric.barBytes(owner, bar);
    const runs: OwnedRun[] = [];
    let before = 0;
    for (const { start, sizeBytes } of ranges) {
      const from = Math.max(offset, before);
      const length = Math.min(offset + lengthBytes, before + sizeBytes) - from;
      if (length > 0) runs.push({ store, offset: start + from - before, lengthBytes: length });
      before += sizeBytes;
    }
    return runs;
  }

  /** What is behind guest-physical addresses and whose it is; `null` where that is nothing, or not one thing. */
  partOfGuest(
    guest: Guest,
    at: number,
    lengthBytes: number,
  ): { readonly runs: readonly OwnedRun[]; readonly provider: Bdf | null } | null {
    const area = guest.map.areas.find(
      ({ start, sizeBytes, isRevoked }) => !isRevoked && start <= at && at + lengthBytes <= start + sizeBytes,
    );
    if (area === undefined) return null;
    const offset = at - area.start;
    const shared = guest.buffers.get(area.start);
    if (area.kind === "peer" && shared !== undefined) {
      return { runs: this.partOfBuffer(shared, offset, lengthBytes), provider: shared.owner };
    }
    const start = (guest.ram?.start ?? 0) + offset;
    return { runs: [{ store: this.#system.fabric.dram, offset: start, lengthBytes }], provider: null };
  }

  /** Runs of CPU physical memory, at their owners. */
  partOfMemory(ranges: readonly PhysRange[]): readonly OwnedRun[] {
    const { physical, fabric } = this.#system;
    return ranges.map(({ start, sizeBytes }) => {
      const region = physical.regionAt(start as PhysAddr);
      if (region === null || region.kind === "ram")
        return { store: fabric.dram, offset: start, lengthBytes: sizeBytes };
      const store = fabric.barBytes(region.owner, region.bar);
      return { store, offset: start - region.range.start, lengthBytes: sizeBytes };
    });
  }

  #need<T>(made: ReadonlyMap<string, T>, name: string): T {
    const found = made.get(name);
    if (found !== undefined) return found;
    throw new PeerlaneError("operation-failed", `'${name}' is not there: the step that was to make it did not`);
  }
}

/** The bytes of runs, one behind the other. */
export function bytesOfRuns(runs: readonly OwnedRun[]): Uint8Array {
  const bytes = new Uint8Array(runs.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0));
  let done = 0;
  for (const { store, offset, lengthBytes } of runs) {
    store.read(offset, bytes, done, lengthBytes);
    done += lengthBytes;
  }
  return bytes;
}

/** Puts bytes into runs, one behind the other. */
export function fillRuns(runs: readonly OwnedRun[], bytes: Uint8Array): void {
  let done = 0;
  for (const { store, offset, lengthBytes } of runs) {
    store.write(offset, bytes, done, lengthBytes);
    done += lengthBytes;
  }
}
