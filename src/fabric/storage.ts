import { ByteStore } from "../memory/bytes.ts";
import type { FabricBars } from "./claims.ts";

/**
 * A device model that takes over a BAR: registers and doorbells. Offsets and lengths stay inside the BAR. A handler may
 * issue requests of its own on the same fabric; the buffer is the fabric's until the call returns.
 */
export interface BarHandler {
  /** Takes a write; the length is that of `bytes`. */
  write(offset: number, bytes: Uint8Array): void;
  /** Fills all of `into`. */
  read(offset: number, into: Uint8Array): void;
}

/** The bytes behind a fabric: DRAM by CPU physical address, and each BAR by offset; kept only where written. */
export class FabricStorage {
  readonly dram: ByteStore = new ByteStore();
  readonly #bars: (ByteStore | undefined)[];
  readonly #handlers: (BarHandler | undefined)[];

  constructor(bars: FabricBars) {
    this.#bars = new Array(bars.count).fill(undefined);
    this.#handlers = new Array(bars.count).fill(undefined);
  }

  /** The bytes of a BAR by its position, whether a handler has it or not. */
  barBytes(position: number): ByteStore {
    let store = this.#bars[position];
    if (store === undefined) {
      store = new ByteStore();
      this.#bars[position] = store;
    }
    return store;
  }

  /** Puts a handler in front of a BAR's bytes, or takes it away. */
  setHandler(position: number, handler: BarHandler | undefined): void {
    this.#handlers[position] = handler;
  }

  /** Stores `bytes[from, from + lengthBytes)` in a BAR, or in DRAM for position -1. */
  write(position: number, address: number, bytes: Uint8Array, from: number, lengthBytes: number): void {
    const handler = position < 0 ? undefined : this.#handlers[position];
    if (handler !== undefined) handler.write(address, bytes.subarray(from, from + lengthBytes));
    else (position < 0 ? this.dram : this.barBytes(position)).write(address, bytes, from, lengthBytes);
  }

  /** Fills `into[to, to + lengthBytes)` from a BAR, or from DRAM for position -1. */
  read(position: number, address: number, into: Uint8Array, to: number, lengthBytes: number): void {
    const handler = position < 0 ? undefined : this.#handlers[position];
    if (handler !== undefined) handler.read(address, into.subarray(to, to + lengthBytes));
    else (position < 0 ? this.dram : this.barBytes(position)).read(address, into, to, lengthBytes);
  }
}
