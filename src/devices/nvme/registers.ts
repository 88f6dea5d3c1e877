import type { BarHandler } from "../../fabric/storage.ts";
import type { ByteStore } from "../../memory/bytes.ts";
import { REGISTER, readAddress, viewOf, writeAddress } from "./protocol.ts";

/** Where the registers end: two doorbells for each queue behind the fixed ones. */
export const REGISTER_BYTES: number = 0x1000 + 8 * 64;

/** CAP: 1,024 entries per queue, contiguous queues, 4-byte doorbell stride, the NVM command set, pages of 4 KiB. */
const CAPABILITIES_LOW = 0x0001_03ff;
const CAPABILITIES_HIGH = 0x0000_0020;
const VERSION_1_4 = 0x0001_0400;

/** Who acts on what is written. */
export interface RegisterEvents {
  /** The configuration register was written. */
  configure(value: number): void;
  /** Doorbells, two for each queue: the tail of its submission queue, the head of its completion queue. */
  ringTail(queue: number, tail: number): void;
  ringHead(queue: number, head: number): void;
}

/** The registers of a controller in front of the bytes of its BAR 0; a buffer in the same BAR stays reachable behind. */
export class NvmeRegisters implements BarHandler {
  readonly #bytes = new Uint8Array(REGISTER.adminCompletion + 8);
  readonly #behind: ByteStore;
  readonly #events: RegisterEvents;

  constructor(behind: ByteStore, events: RegisterEvents) {
    this.#behind = behind;
    this.#events = events;
    this.#set(REGISTER.capabilities, CAPABILITIES_LOW);
    this.#set(REGISTER.capabilities + 4, CAPABILITIES_HIGH);
    this.#set(REGISTER.version, VERSION_1_4);
  }

  write(offset: number, bytes: Uint8Array): void {
    if (offset >= REGISTER_BYTES) {
      this.#behind.write(offset, bytes);
      return;
    }
    // MODEL: registers take aligned accesses of 4 or 8 bytes; every other write is dropped, which hardware may do too.
    if (offset % 4 !== 0 || bytes.length % 4 !== 0) return;
    const view = viewOf(bytes);
    for (let at = 0; at < bytes.length; at += 4) this.#writeRegister(offset + at, view.getUint32(at, true));
  }

  read(offset: number, into: Uint8Array): void {
    if (offset >= REGISTER_BYTES) {
      this.#behind.read(offset, into);
      return;
    }
    into.fill(0);
    into.set(this.#bytes.subarray(offset, offset + into.length));
  }

  /** The status register, as the controller sets it. */
  setStatus(value: number): void {
    this.#set(REGISTER.status, value);
  }

  /** Where the driver put the admin queues, and their entries. */
  get admin(): { readonly submission: number; readonly completion: number; readonly sizes: readonly [number, number] } {
    const view = viewOf(this.#bytes);
    const sizes = view.getUint32(REGISTER.adminQueueSizes, true);
    return {
      submission: readAddress(view, REGISTER.adminSubmission),
      completion: readAddress(view, REGISTER.adminCompletion),
      sizes: [(sizes & 0xfff) + 1, ((sizes >>> 16) & 0xfff) + 1],
    };
  }

  #writeRegister(offset: number, value: number): void {
    if (offset >= REGISTER.doorbells) {
      const doorbell = (offset - REGISTER.doorbells) / 4;
      const queue = Math.floor(doorbell / 2);
      if (doorbell % 2 === 0) this.#events.ringTail(queue, value & 0xffff);
      else this.#events.ringHead(queue, value & 0xffff);
      return;
    }
    const isWritable = offset === REGISTER.configuration || offset >= REGISTER.adminQueueSizes;
    if (!isWritable || offset >= this.#bytes.length) return;
    this.#set(offset, value);
    if (offset === REGISTER.configuration) this.#events.configure(value);
  }

  #set(offset: number, value: number): void {
    viewOf(this.#bytes).setUint32(offset, value, true);
  }
}

/** An address as the bytes of a register of 64 bits. */
export function addressBytes(address: number): Uint8Array {
  const bytes = new Uint8Array(8);
  writeAddress(viewOf(bytes), 0, address);
  return bytes;
}

/** A value as the bytes of a register of 32 bits. */
export function registerBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value, true);
  return bytes;
}
