import { formatAddress, PAGE_BYTES } from "../pci/addresses.ts";
import { noEntry } from "../pci/entry-at.ts";
import { PeerlaneError } from "../pci/error.ts";

/** Bytes that a store keeps at most unless told otherwise: a model's data, never its address space. */
const DEFAULT_LIMIT_BYTES = 2 ** 30;

/**
 * The bytes of one address space (DRAM, a BAR, a bounce buffer), kept only where something was written: a page of 4 KiB
 * is made by the first write to it, and what was never written reads as 0.
 */
export class ByteStore {
  readonly #pages = new Map<number, Uint8Array>();
  readonly #limitPages: number;
  /** The page used last: a TLP seldom leaves the page of the one before it. */
  #lastNumber = -1;
  #lastPage: Uint8Array | undefined;

  /** `limitBytes`: how many bytes may be kept; a write that needs more throws `too-large` where it gets to that. */
  constructor(limitBytes: number = DEFAULT_LIMIT_BYTES) {
    this.#limitPages = Math.ceil(limitBytes / PAGE_BYTES);
  }

  /** Bytes kept, in whole pages. */
  get storedBytes(): number {
    return this.#pages.size * PAGE_BYTES;
  }

  /** Fills `into[offset, offset + lengthBytes)` with the bytes from `address` on. */
  read(address: number, into: Uint8Array, offset = 0, lengthBytes: number = into.length - offset): void {
    check(address, lengthBytes);
    checkPart(into, offset, lengthBytes);
    let at = address;
    let to = offset;
    let left = lengthBytes;
    while (left > 0) {
      const number = Math.floor(at / PAGE_BYTES);
      const within = at - number * PAGE_BYTES;
      const length = Math.min(left, PAGE_BYTES - within);
      const page = this.#find(number);
      if (page === undefined) into.fill(0, to, to + length);
      else copyBytes(page, within, into, to, length);
      at += length;
      to += length;
      left -= length;
    }
  }

  /** Stores `from[offset, offset + lengthBytes)` at `address` and behind it. */
  write(address: number, from: Uint8Array, offset = 0, lengthBytes: number = from.length - offset): void {
    check(address, lengthBytes);
    checkPart(from, offset, lengthBytes);
    let at = address;
    let next = offset;
    let left = lengthBytes;
    while (left > 0) {
      const number = Math.floor(at / PAGE_BYTES);
      const within = at - number * PAGE_BYTES;
      const length = Math.min(left, PAGE_BYTES - within);
      copyBytes(from, next, this.#findOrMake(number), within, length);
      at += length;
      next += length;
      left -= length;
    }
  }

  /** Sets each byte of a range to one value. A whole page of 0 is forgotten, so clearing costs no memory. */
  fill(address: number, lengthBytes: number, value: number): void {
    check(address, lengthBytes);
    if (value === 0) {
      this.#clear(address, lengthBytes);
      return;
    }
    let at = address;
    let left = lengthBytes;
    while (left > 0) {
      const number = Math.floor(at / PAGE_BYTES);
      const within = at - number * PAGE_BYTES;
      const length = Math.min(left, PAGE_BYTES - within);
      this.#findOrMake(number).fill(value, within, within + length);
      at += length;
      left -= length;
    }
  }

  /** Copies a range inside the store; the two may overlap. */
  copy(from: number, to: number, lengthBytes: number): void {
    check(from, lengthBytes);
    check(to, lengthBytes);
    const buffer = new Uint8Array(Math.min(lengthBytes, PAGE_BYTES));
    const backwards = to > from;
    for (let done = 0; done < lengthBytes; ) {
      const length = Math.min(buffer.length, lengthBytes - done);
      const offset = backwards ? lengthBytes - done - length : done;
      this.read(from + offset, buffer, 0, length);
      this.write(to + offset, buffer, 0, length);
      done += length;
    }
  }

  /** A copy of the bytes of a range, for tests and people. */
  slice(address: number, lengthBytes: number): Uint8Array {
    const bytes = new Uint8Array(lengthBytes);
    this.read(address, bytes);
    return bytes;
  }

  /** Addresses of the pages that are kept, ascending. */
  storedPages(): readonly number[] {
    return [...this.#pages.keys()].sort((a, b) => a - b).map((number) => number * PAGE_BYTES);
  }

  #clear(address: number, lengthBytes: number): void {
    const end = address + lengthBytes;
    const first = Math.floor(address / PAGE_BYTES);
    const last = Math.ceil(end / PAGE_BYTES);
    const clearPage = (number: number, page: Uint8Array): void => {
      const start = number * PAGE_BYTES;
      const low = Math.max(0, address - start);
      const high = Math.min(PAGE_BYTES, end - start);
      if (low === 0 && high === PAGE_BYTES) this.#pages.delete(number);
      else page.fill(0, low, high);
    };
    this.#lastNumber = -1;
    this.#lastPage = undefined;
    // A range may be terabytes wide: walk whichever is fewer, its pages or those that are kept.
    if (last - first > this.#pages.size) {
      for (const [number, page] of this.#pages) if (number >= first && number < last) clearPage(number, page);
      return;
    }
    for (let number = first; number < last; number++) {
      const page = this.#pages.get(number);
      if (page !== undefined) clearPage(number, page);
    }
  }

  #find(number: number): Uint8Array | undefined {
    if (number === this.#lastNumber) return this.#lastPage;
    const page = this.#pages.get(number);
    if (page !== undefined) {
      this.#lastNumber = number;
      this.#lastPage = page;
    }
    return page;
  }

  #findOrMake(number: number): Uint8Array {
    const found = this.#find(number);
    if (found !== undefined) return found;
    if (this.#pages.size >= this.#limitPages) {
      throw new PeerlaneError("too-large", `a byte store of ${this.#limitPages * PAGE_BYTES} bytes is full`, {
        facts: { address: formatAddress(number * PAGE_BYTES) },
        remedy: "simulate less data, or give the store a higher limit",
      });
    }
    const page = new Uint8Array(PAGE_BYTES);
    this.#pages.set(number, page);
    this.#lastNumber = number;
    this.#lastPage = page;
    return page;
  }
}

/** Below this many bytes a loop is faster than making a view for `set`. */
const LOOP_BYTES = 16;

function copyBytes(from: Uint8Array, fromOffset: number, to: Uint8Array, toOffset: number, lengthBytes: number): void {
  if (lengthBytes > LOOP_BYTES) {
    to.set(from.subarray(fromOffset, fromOffset + lengthBytes), toOffset);
    return;
  }
  for (let index = 0; index < lengthBytes; index++)
    to[toOffset + index] = from[fromOffset + index] ?? noEntry(fromOffset + index);
}

function check(address: number, lengthBytes: number): void {
  const isRange = Number.isSafeInteger(address) && Number.isSafeInteger(lengthBytes) && address >= 0;
  if (isRange && lengthBytes >= 0 && Number.isSafeInteger(address + lengthBytes)) return;
  throw new PeerlaneError("bad-input", `${lengthBytes} bytes at ${address} are not a range below 2^53`);
}

function checkPart(bytes: Uint8Array, offset: number, lengthBytes: number): void {
  if (Number.isInteger(offset) && offset >= 0 && offset + lengthBytes <= bytes.length) return;
  throw new PeerlaneError("bad-input", `a buffer of ${bytes.length} bytes has no ${lengthBytes} bytes at ${offset}`);
}
