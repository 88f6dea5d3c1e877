import { formatAddress, PAGE_BYTES, type PhysRange } from "../pci/addresses.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { PageMaps } from "./page-maps.ts";
import { PagePool } from "./page-pool.ts";
import type { Provider } from "./provider.ts";

/** Where a pool is in its life: `leaving` takes no new users, `removed` has none left and no pages. */
export type P2pPoolState = "live" | "leaving" | "removed";

/** How a device leaves: `wait` until its users are done, or `revoke` what can be taken away and wait for the rest. */
export type RemovalMode = "wait" | "revoke";

/** What a pool allows. */
export interface P2pPoolOptions {
  /** The policy that user space gets no peer memory: `mmap` fails with EPERM. */
  readonly kernelUsersOnly?: boolean;
}

const poolsByMaps = new WeakMap<PageMaps, Map<Bdf, P2pPool>>();

/** The pools with memory over a machine's struct pages, by owner, as they are whenever one looks; removed ones are not. */
export function poolsOf(maps: PageMaps): ReadonlyMap<Bdf, P2pPool> {
  return registryOf(maps);
}

function registryOf(maps: PageMaps): Map<Bdf, P2pPool> {
  let pools = poolsByMaps.get(maps);
  if (pools === undefined) {
    pools = new Map();
    poolsByMaps.set(maps, pools);
  }
  return pools;
}

/**
 * Peer memory of one function as its driver offers it, over one or more BAR ranges (`struct pci_p2pdma` with its
 * gen_pool, Linux 7.2). Each allocated page holds a reference; the pool is gone only when none is held.
 */
export class P2pPool {
  readonly owner: Bdf;
  readonly kernelUsersOnly: boolean;
  readonly #maps: PageMaps;
  readonly #pool: PagePool;
  readonly #tearDowns = new Set<() => void>();
  #state: P2pPoolState = "live";
  #isPublished = false;
  #onRemoved: () => void = () => {};

  constructor(maps: PageMaps, owner: Bdf, options: P2pPoolOptions = {}) {
    this.owner = owner;
    this.#maps = maps;
    this.kernelUsersOnly = options.kernelUsersOnly ?? false;
    this.#pool = new PagePool(maps, "peer", () => this.#finishRemoval());
  }

  /** Adds a part of a BAR (`pci_p2pdma_add_resource`); throws `bad-input` for another function's, outside of the BAR, or pages that exist. */
  addResource(provider: Provider, range: PhysRange): void {
    if (provider.owner !== this.owner) {
      throw new PeerlaneError(
        "bad-input",
        `a pool of ${formatBdf(this.owner)} cannot offer ${formatBdf(provider.owner)}'s memory`,
      );
    }
    const bar = provider.range;
    if (range.start < bar.start || range.start + range.sizeBytes > bar.start + bar.sizeBytes) {
      throw new PeerlaneError(
        "bad-input",
        `${range.sizeBytes} bytes at ${formatAddress(range.start)} are not in BAR ${provider.bar} of ${formatBdf(this.owner)}`,
        { facts: { bar: formatAddress(bar.start), size: formatAddress(bar.sizeBytes) } },
      );
    }
    this.#requireLive();
    this.#pool.addRange(range, provider);
    const pools = registryOf(this.#maps);
    if (!pools.has(this.owner)) pools.set(this.owner, this);
  }

  /** Lets others find the pool, or hides it again (`pci_p2pmem_publish`). */
  publish(isPublished = true): void {
    this.#requireLive();
    this.#isPublished = isPublished;
  }

  get isPublished(): boolean {
    return this.#isPublished;
  }

  get state(): P2pPoolState {
    return this.#state;
  }

  get sizeBytes(): number {
    return this.#pool.sizeBytes;
  }

  /** Bytes that can be allocated, in one run or more; 0 once the device leaves. */
  get availableBytes(): number {
    return this.#state === "live" ? this.#pool.availableBytes : 0;
  }

  /** Pages that somebody holds: allocations, user mappings, pins. Removal waits for them. */
  get pagesInUse(): number {
    return this.#pool.pagesInUse;
  }

  /** The BAR ranges, in the order in which they were added. */
  get ranges(): readonly PhysRange[] {
    return this.#pool.ranges;
  }

  /** Takes one run (`pci_alloc_p2pmem`), rounded up to pages; `null` where there is none or the device leaves. */
  alloc(sizeBytes: number): PhysRange | null {
    return this.#state === "live" ? this.#pool.alloc(sizeBytes) : null;
  }

  /** Frees what {@link alloc} gave (`pci_free_p2pmem`), also while the device leaves; throws `bad-input` for all else. */
  free(range: PhysRange): void {
    this.#pool.free(range);
  }

  /**
   * Takes memory for a scatterlist (`pci_p2pmem_alloc_sgl`); `null`, and nothing is taken, where there is not enough.
   *
   * MODEL: where no run is long enough, several are taken, largest first; the kernel gives up. Lists with several
   * entries, of several BARs, are what the mapping layer has to get right.
   */
  allocScatterlist(sizeBytes: number): readonly PhysRange[] | null {
    if (this.#state !== "live") return null;
    const entries: PhysRange[] = [];
    let left = sizeBytes;
    do {
      const range = this.#pool.alloc(left) ?? this.#allocLargest();
      if (range === null) {
        this.freeScatterlist(entries);
        return null;
      }
      const lengthBytes = Math.min(left, range.sizeBytes);
      entries.push({ start: range.start, sizeBytes: lengthBytes });
      left -= lengthBytes;
    } while (left > 0);
    return entries;
  }

  /** Frees each entry of a list (`pci_p2pmem_free_sgl`). */
  freeScatterlist(entries: readonly PhysRange[]): void {
    for (const entry of entries) this.#pool.free(entry);
  }

  /** Pages for a user mapping: each comes back by itself when its last holder drops it. `null` as for {@link alloc}. */
  takePages(sizeBytes: number): PhysRange | null {
    return this.#state === "live" ? this.#pool.takePages(sizeBytes) : null;
  }

  /** Registers what takes a user's mappings away when the device is revoked; the result unregisters it. */
  onRevoke(tearDown: () => void): () => void {
    this.#tearDowns.add(tearDown);
    return () => {
      this.#tearDowns.delete(tearDown);
    };
  }

  /**
   * The device goes: from now on nobody finds the pool, allocates from it or pins a mapped page anew. With `revoke`, user
   * mappings are torn down too, and accesses through them fault. When the last page is back, at once or later, the struct
   * pages go and `onRemoved` is called: only then may the range have another owner. May be called again, to revoke what
   * was waited for.
   *
   * MODEL: the kernel always revokes user mappings and then waits (`pci_p2pdma_unmap_mappings`, Linux 7.2); `wait` is
   * what drivers do that cannot take mappings away, and refuses new pins of what is still mapped.
   */
  remove(mode: RemovalMode, onRemoved?: () => void): P2pPoolState {
    if (onRemoved !== undefined) this.#onRemoved = onRemoved;
    if (this.#state === "removed") return this.#state;
    this.#state = "leaving";
    this.#isPublished = false;
    for (const pagemap of this.#pool.pagemaps) pagemap.isDying = true;
    if (mode === "revoke") for (const tearDown of [...this.#tearDowns]) tearDown();
    this.#finishRemoval();
    return this.#state;
  }

  #finishRemoval(): void {
    if (this.#state !== "leaving" || this.#pool.pagesInUse > 0) return;
    this.#state = "removed";
    const pools = registryOf(this.#maps);
    if (pools.get(this.owner) === this) pools.delete(this.owner);
    this.#pool.close();
    this.#tearDowns.clear();
    this.#onRemoved();
  }

  #allocLargest(): PhysRange | null {
    const { largestRunBytes } = this.#pool;
    return largestRunBytes < PAGE_BYTES ? null : this.#pool.alloc(largestRunBytes);
  }

  #requireLive(): void {
    if (this.#state === "live") return;
    throw new PeerlaneError("bad-input", `the device of this pool, ${formatBdf(this.owner)}, is leaving`, {
      remedy: "make a new pool once the old one is removed",
    });
  }
}
