import type { Device } from "../host/select.ts";
import type { ByteStore } from "../memory/bytes.ts";
import type { DmaSpan } from "../pci/addresses.ts";
import { PeerlaneError } from "../pci/error.ts";
import { BusMaster } from "./bus-master.ts";
import { spanBytes } from "./dma-spans.ts";
import type { System } from "./system.ts";

/** Bytes that an engine reads before it writes them. */
const BUFFER_BYTES = 4096;

/** What an engine tells its driver. */
export type EngineStatus = "success" | "read-failed";

/**
 * A copy engine of a function: reads from DMA addresses and writes to DMA addresses, both through the fabric. What the
 * function has itself it reaches inside, without a request.
 */
export class DmaEngine {
  readonly bus: BusMaster;

  /** Throws `unknown-device` where the machine has no such function. */
  constructor(system: System, fn: Device) {
    this.bus = new BusMaster(system, fn);
  }

  /** Copies all of `from` to `to`, which has to be as long; ends at the first read that is seen to fail. */
  copy(from: readonly DmaSpan[], to: readonly DmaSpan[]): EngineStatus {
    const lengthBytes = spanBytes(from);
    if (spanBytes(to) !== lengthBytes) {
      throw new PeerlaneError("bad-input", `a copy of ${lengthBytes} bytes to ${spanBytes(to)} bytes`);
    }
    const buffer = new Uint8Array(Math.min(BUFFER_BYTES, lengthBytes));
    for (let done = 0; done < lengthBytes; done += buffer.length) {
      const part = buffer.subarray(0, Math.min(buffer.length, lengthBytes - done));
      if (!this.bus.gather(from, done, part)) return "read-failed";
      this.bus.scatter(to, done, part);
    }
    return "success";
  }

  /** Reads memory of others into the function's own, at an offset. */
  pull(from: readonly DmaSpan[], own: ByteStore, offset: number): EngineStatus {
    const buffer = new Uint8Array(BUFFER_BYTES);
    const lengthBytes = spanBytes(from);
    for (let done = 0; done < lengthBytes; done += buffer.length) {
      const part = buffer.subarray(0, Math.min(buffer.length, lengthBytes - done));
      if (!this.bus.gather(from, done, part)) return "read-failed";
      own.write(offset + done, part);
    }
    return "success";
  }

  /** Writes the function's own memory, from an offset on, to memory of others. */
  push(own: ByteStore, offset: number, to: readonly DmaSpan[]): EngineStatus {
    const buffer = new Uint8Array(BUFFER_BYTES);
    const lengthBytes = spanBytes(to);
    for (let done = 0; done < lengthBytes; done += buffer.length) {
      const part = buffer.subarray(0, Math.min(buffer.length, lengthBytes - done));
      own.read(offset + done, part);
      this.bus.scatter(to, done, part);
    }
    return "success";
  }
}
