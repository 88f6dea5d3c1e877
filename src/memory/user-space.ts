import { formatAddress, PAGE_BYTES, type PhysAddr, type PhysRange } from "../pci/addresses.ts";
import { formatBdf } from "../pci/bdf.ts";
import type { P2pPool } from "./p2p-pool.ts";
import type { PageMaps } from "./page-maps.ts";
import type { PagePool } from "./page-pool.ts";
import { PinnedPages } from "./pinned-pages.ts";
import { RangeTable } from "./range-table.ts";
import { type UserFailure, type UserResult, userFailure } from "./user-result.ts";

/** How user space maps the pool (`mmap` of the `p2pmem/allocate` file). */
export interface MmapRequest {
  readonly sizeBytes: number;
  /** `MAP_SHARED`; true by default. */
  readonly shared?: boolean;
  /** Bytes into the file; 0 by default. */
  readonly offset?: number;
}

/** A run of user addresses with the memory behind it. */
interface UserArea {
  /** First byte of the memory; the area holds a reference to each page. `null` once it was torn down. */
  readonly phys: PhysAddr | null;
  /** The pool that the pages are of, `null` for other memory. */
  readonly pool: P2pPool | null;
}

/** Where the first area lies; any user address would do. */
const FIRST_ADDRESS = 0x7f00_0000_0000;

/**
 * The address space of one process: what it maps, and which pages the kernel may take from it.
 *
 * MODEL: an address is never used a second time, so that a stale one is seen as such; a kernel may reuse it.
 */
export class UserSpace {
  readonly #maps: PageMaps;
  readonly #areas = new RangeTable<UserArea>();
  readonly #unregister = new Map<P2pPool, () => void>();
  #nextAddress = FIRST_ADDRESS;

  constructor(maps: PageMaps) {
    this.#maps = maps;
  }

  /**
   * Maps peer memory, allocated for this mapping; gives the user address. In this order, EPERM where the pool is for
   * kernel users only, EINVAL for a private mapping or an offset, ENODEV where the device leaves, ENOMEM where the pool
   * has no such run (`p2pmem_alloc_mmap`, Linux 7.2, which leaves permission to the mode of its file).
   */
  mmapPool(pool: P2pPool, request: MmapRequest): UserResult<number> {
    const name = formatBdf(pool.owner);
    if (pool.kernelUsersOnly) return userFailure("EPERM", `peer memory of ${name} is for kernel users only`);
    if (request.shared === false)
      return userFailure("EINVAL", "peer memory cannot be mapped privately: it has no copies");
    if ((request.offset ?? 0) !== 0) return userFailure("EINVAL", "peer memory is mapped at offset 0 only");
    if (!isLength(request.sizeBytes)) return userFailure("EINVAL", `${request.sizeBytes} is no length of a mapping`);
    if (pool.state !== "live") return userFailure("ENODEV", `${name} is leaving`);
    const range = pool.takePages(request.sizeBytes);
    if (range === null) return userFailure("ENOMEM", `${name} has no run of ${request.sizeBytes} bytes`);
    if (!this.#unregister.has(pool))
      this.#unregister.set(
        pool,
        pool.onRevoke(() => this.#tearDown(pool)),
      );
    return this.#addArea(range, pool);
  }

  /** Maps RAM, allocated for this mapping; gives the user address. */
  mmapRam(ram: PagePool, sizeBytes: number): UserResult<number> {
    if (!isLength(sizeBytes)) return userFailure("EINVAL", `${sizeBytes} is no length of a mapping`);
    const range = ram.takePages(sizeBytes);
    return range === null ? userFailure("ENOMEM", `no run of ${sizeBytes} bytes of RAM`) : this.#addArea(range, null);
  }

  /**
   * Maps pages that somebody else handed out, such as persistent or coherent device memory; gives the user address.
   * EINVAL for private device memory, which no CPU address reaches, and for peer pages, which only their pool maps;
   * EFAULT where a page is missing, free or leaving.
   */
  mmapPages(range: PhysRange): UserResult<number> {
    const kind = this.#maps.kindAt(range.start);
    if (!isLength(range.sizeBytes) || range.start % PAGE_BYTES !== 0 || range.sizeBytes % PAGE_BYTES !== 0) {
      return userFailure("EINVAL", `${range.sizeBytes} bytes at ${formatAddress(range.start)} are no whole pages`);
    }
    if (kind === "private" || kind === "peer") return userFailure("EINVAL", `${kind} pages are not mapped this way`);
    if (!this.#maps.tryGetPages(range))
      return userFailure("EFAULT", `no pages to map at ${formatAddress(range.start)}`);
    return this.#addArea(range, null);
  }

  /**
   * Takes mappings away, whole ones or parts; what is not mapped is passed over. Pages that nobody else holds go back to
   * their owner. EINVAL where address or length is not page granular.
   */
  munmap(address: number, sizeBytes: number): UserResult<void> {
    if (!isLength(sizeBytes) || address % PAGE_BYTES !== 0 || sizeBytes % PAGE_BYTES !== 0) {
      return userFailure("EINVAL", `${sizeBytes} bytes at ${formatAddress(address)} are no whole pages`);
    }
    const end = address + sizeBytes;
    for (;;) {
      const area = this.#areas.overlapping(address, sizeBytes);
      if (area === undefined) return { ok: true, value: undefined };
      const areaEnd = area.start + area.sizeBytes;
      const from = Math.max(area.start, address);
      const to = Math.min(areaEnd, end);
      this.#areas.remove(area.start);
      this.#keepPart(area.start, area.value, area.start, from);
      this.#keepPart(area.start, area.value, to, areaEnd);
      const { phys } = area.value;
      if (phys !== null) this.#maps.putPages({ start: (phys + from - area.start) as PhysAddr, sizeBytes: to - from });
    }
  }

  /** What a CPU access at a user address reaches; `null` where it faults: not mapped, or torn down (SIGSEGV, SIGBUS). */
  resolve(address: number): PhysAddr | null {
    const index = this.#areas.indexAt(address);
    const phys = this.#areas.valueAt(address)?.phys ?? null;
    return phys === null ? null : ((phys + address - this.#areas.startOf(index)) as PhysAddr);
  }

  /**
   * Takes references to the `count` pages from the one of `address` on (`pin_user_pages_fast`). `peer` is
   * `FOLL_PCI_P2PDMA`: without it peer pages are EREMOTEIO. EFAULT where an address is not mapped or was torn down, or
   * the owner of its page leaves. The first page that fails decides.
   *
   * MODEL: all pages or none; the kernel may give fewer than were asked for, and its callers then ask again or give up.
   */
  getUserPages(address: number, count: number, options: { readonly peer: boolean }): UserResult<PinnedPages> {
    if (!Number.isSafeInteger(count) || count < 1) return userFailure("EINVAL", `${count} is no number of pages`);
    const ranges: PhysRange[] = [];
    let at = address - (address % PAGE_BYTES);
    const end = at + count * PAGE_BYTES;
    while (at < end) {
      const taken = this.#takeRun(at, end, options.peer);
      if (!taken.ok) {
        for (const range of ranges) this.#maps.putPages(range);
        return taken;
      }
      ranges.push(taken.value);
      at += taken.value.sizeBytes;
    }
    return { ok: true, value: new PinnedPages(this.#maps, ranges) };
  }

  /** The process ends: every mapping goes; what is pinned stays. */
  exit(): void {
    for (const { start, sizeBytes } of this.#areas.entries()) this.munmap(start, sizeBytes);
    for (const unregister of this.#unregister.values()) unregister();
    this.#unregister.clear();
  }

  /** Pages from `at` to the end of its area, or to `end`, with a reference each. */
  #takeRun(at: number, end: number, peer: boolean): UserResult<PhysRange> {
    const area = this.#areas.valueAt(at);
    if (area === undefined) return fault(at, "is not mapped");
    const index = this.#areas.indexAt(at);
    if (area.phys === null) return fault(at, "was taken away when its device left");
    const start = (area.phys + at - this.#areas.startOf(index)) as PhysAddr;
    if (!peer && this.#maps.kindAt(start) === "peer") {
      return userFailure("EREMOTEIO", `${formatAddress(at)} is peer memory, and the caller does not take it`);
    }
    const range = { start, sizeBytes: Math.min(this.#areas.endOf(index), end) - at };
    return this.#maps.tryGetPages(range) ? { ok: true, value: range } : fault(at, "belongs to a device that leaves");
  }

  #addArea(range: PhysRange, pool: P2pPool | null): UserResult<number> {
    const address = this.#nextAddress;
    this.#nextAddress += range.sizeBytes;
    this.#areas.add(address, range.sizeBytes, { phys: range.start, pool });
    return { ok: true, value: address };
  }

  /** Adds `[from, to)` of an area that started at `areaStart` again, where that is not empty. */
  #keepPart(areaStart: number, { phys, pool }: UserArea, from: number, to: number): void {
    if (to <= from) return;
    this.#areas.add(from, to - from, {
      phys: phys === null ? null : ((phys + from - areaStart) as PhysAddr),
      pool,
    });
  }

  /** Takes a pool's pages out of all mappings: the addresses stay taken, and fault. */
  #tearDown(pool: P2pPool): void {
    for (const { start, sizeBytes, value } of this.#areas.entries()) {
      if (value.pool !== pool || value.phys === null) continue;
      this.#areas.remove(start);
      this.#areas.add(start, sizeBytes, { phys: null, pool });
      this.#maps.putPages({ start: value.phys, sizeBytes });
    }
  }
}

function isLength(sizeBytes: number): boolean {
  return Number.isSafeInteger(sizeBytes) && sizeBytes > 0;
}

function fault(address: number, what: string): UserFailure {
  return userFailure("EFAULT", `${formatAddress(address)} ${what}`);
}
