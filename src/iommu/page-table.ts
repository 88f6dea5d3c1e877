import { formatAddress, PAGE_BYTES } from "../pci/addresses.ts";
import { noEntry } from "../pci/entry-at.ts";
import { PeerlaneError } from "../pci/error.ts";

/** Bits of a permission: the device may read, the device may write. */
export const PERMIT_READ = 1;
export const PERMIT_WRITE = 2;

const LEAF_PAGES = 512;
const LEAF_BYTES = LEAF_PAGES * PAGE_BYTES;
/** Emptied leaves kept for the next mapping, so that a steady load allocates nothing. */
const SPARE_LEAVES = 16;
const NO_PAGES = new Float64Array(0);
const NO_PERMISSIONS = new Uint8Array(0);

/** What 2 MiB of IOVA space map to: one run of physical memory, or page by page. */
interface Leaf {
  /** Physical address of the whole 2 MiB, -1 where it is mapped page by page. */
  wholePhys: number;
  wholePermission: number;
  /** Physical address of each page, where its permission is not 0. */
  pages: Float64Array;
  permissions: Uint8Array;
  /** Pages mapped. */
  mapped: number;
}

/**
 * A sparse page table: IOVA → physical address and permission, page granular, with 2 MiB entries where both sides are
 * aligned. Addresses and sizes are whole pages; anything else is the caller's bug and throws.
 */
export class PageTable {
  readonly #leaves = new Map<number, Leaf>();
  readonly #spare: Leaf[] = [];
  #lastKey = -1;
  #lastLeaf: Leaf | undefined;
  #mappedPages = 0;

  get mappedBytes(): number {
    return this.#mappedPages * PAGE_BYTES;
  }

  /** Permission bits at an address, 0 where nothing is mapped. */
  permissionAt(address: number): number {
    const leaf = this.#leafOf(Math.floor(address / LEAF_BYTES));
    if (leaf === undefined) return 0;
    const index = indexIn(address);
    return leaf.wholePhys >= 0 ? leaf.wholePermission : (leaf.permissions[index] ?? noEntry(index));
  }

  /** Physical address of the page that holds an address at which {@link permissionAt} is not 0. */
  pageAt(address: number): number {
    const leaf = this.#leafOf(Math.floor(address / LEAF_BYTES));
    if (leaf === undefined) return 0;
    const index = indexIn(address);
    return leaf.wholePhys >= 0 ? leaf.wholePhys + index * PAGE_BYTES : (leaf.pages[index] ?? noEntry(index));
  }

  /** True where no page of the range is mapped. */
  isEmpty(address: number, sizeBytes: number): boolean {
    for (let at = address; at < address + sizeBytes; ) {
      const end = Math.min(address + sizeBytes, nextLeaf(at));
      const leaf = this.#leafOf(Math.floor(at / LEAF_BYTES));
      if (leaf !== undefined) {
        if (leaf.wholePhys >= 0) return false;
        const first = indexIn(at);
        const count = (end - at) / PAGE_BYTES;
        for (let index = first; index < first + count; index++) if (leaf.permissions[index] !== 0) return false;
      }
      at = end;
    }
    return true;
  }

  /** Maps a range; throws `bad-input` where part of it is mapped already or is not whole pages, and maps nothing then. */
  map(address: number, phys: number, sizeBytes: number, permission: number): void {
    requirePages(address, sizeBytes);
    if (!(phys >= 0) || phys % PAGE_BYTES !== 0)
      throw new PeerlaneError("bad-input", `${formatAddress(phys)} is not a page`);
    if (permission < PERMIT_READ || permission > (PERMIT_READ | PERMIT_WRITE)) {
      throw new PeerlaneError("bad-input", `permission ${permission} is neither read nor write`);
    }
    if (!this.isEmpty(address, sizeBytes)) {
      throw new PeerlaneError("bad-input", `part of IOVA ${formatAddress(address)} + ${sizeBytes} is mapped already`);
    }
    let target = phys;
    for (let at = address; at < address + sizeBytes; ) {
      const end = Math.min(address + sizeBytes, nextLeaf(at));
      const key = Math.floor(at / LEAF_BYTES);
      if (end - at === LEAF_BYTES && target % LEAF_BYTES === 0) this.#mapWhole(key, target, permission);
      else this.#mapPages(key, indexIn(at), (end - at) / PAGE_BYTES, target, permission);
      target += end - at;
      at = end;
    }
    this.#mappedPages += sizeBytes / PAGE_BYTES;
  }

  /** Unmaps what is mapped of a range; the bytes that were. Throws `bad-input` for what is not whole pages. */
  unmap(address: number, sizeBytes: number): number {
    requirePages(address, sizeBytes);
    let unmapped = 0;
    for (let at = address; at < address + sizeBytes; ) {
      const end = Math.min(address + sizeBytes, nextLeaf(at));
      const key = Math.floor(at / LEAF_BYTES);
      const leaf = this.#leafOf(key);
      if (leaf !== undefined) unmapped += this.#unmapIn(key, leaf, indexIn(at), (end - at) / PAGE_BYTES);
      at = end;
    }
    this.#mappedPages -= unmapped;
    return unmapped * PAGE_BYTES;
  }

  #leafOf(key: number): Leaf | undefined {
    if (key !== this.#lastKey) {
      this.#lastKey = key;
      this.#lastLeaf = this.#leaves.get(key);
    }
    return this.#lastLeaf;
  }

  #mapWhole(key: number, phys: number, permission: number): void {
    this.#put(key, {
      wholePhys: phys,
      wholePermission: permission,
      pages: NO_PAGES,
      permissions: NO_PERMISSIONS,
      mapped: LEAF_PAGES,
    });
  }

  #mapPages(key: number, first: number, count: number, phys: number, permission: number): void {
    const leaf = this.#leafOf(key) ?? this.#put(key, this.#spare.pop() ?? emptyLeaf());
    for (let index = 0; index < count; index++) {
      leaf.pages[first + index] = phys + index * PAGE_BYTES;
      leaf.permissions[first + index] = permission;
    }
    leaf.mapped += count;
  }

  #put(key: number, leaf: Leaf): Leaf {
    this.#leaves.set(key, leaf);
    this.#lastKey = key;
    this.#lastLeaf = leaf;
    return leaf;
  }

  #unmapIn(key: number, leaf: Leaf, first: number, count: number): number {
    if (leaf.wholePhys >= 0 && count < LEAF_PAGES) splitWhole(leaf);
    let unmapped = count;
    if (leaf.wholePhys < 0) {
      unmapped = 0;
      for (let index = first; index < first + count; index++) {
        if (leaf.permissions[index] === 0) continue;
        leaf.permissions[index] = 0;
        unmapped++;
      }
    }
    leaf.mapped -= unmapped;
    if (leaf.mapped === 0) {
      this.#leaves.delete(key);
      this.#lastLeaf = undefined;
      if (leaf.wholePhys < 0 && this.#spare.length < SPARE_LEAVES) this.#spare.push(leaf);
    }
    return unmapped;
  }
}

function emptyLeaf(): Leaf {
  return {
    wholePhys: -1,
    wholePermission: 0,
    pages: new Float64Array(LEAF_PAGES),
    permissions: new Uint8Array(LEAF_PAGES),
    mapped: 0,
  };
}

/** MODEL: a part of a 2 MiB entry can be unmapped: the entry is split, where `iommu_unmap` takes away all of it. */
function splitWhole(leaf: Leaf): void {
  leaf.pages = Float64Array.from({ length: LEAF_PAGES }, (_, index) => leaf.wholePhys + index * PAGE_BYTES);
  leaf.permissions = new Uint8Array(LEAF_PAGES).fill(leaf.wholePermission);
  leaf.wholePhys = -1;
}

function indexIn(address: number): number {
  return Math.floor(address / PAGE_BYTES) & (LEAF_PAGES - 1);
}

function nextLeaf(address: number): number {
  return (Math.floor(address / LEAF_BYTES) + 1) * LEAF_BYTES;
}

function requirePages(address: number, sizeBytes: number): void {
  if (address % PAGE_BYTES !== 0 || sizeBytes % PAGE_BYTES !== 0 || !(sizeBytes > 0) || !(address >= 0)) {
    throw new PeerlaneError("bad-input", `IOVA ${formatAddress(address)} + ${sizeBytes} is not whole pages`);
  }
}
