import type { DmaAddr } from "../../pci/addresses.ts";
import type { BusMaster } from "../bus-master.ts";
import { COMMAND_BYTES, COMPLETION_BYTES, decodeCommand, encodeCompletion, type NvmeCommand } from "./protocol.ts";

/** A submission queue as its controller has it: entries at DMA addresses, the driver's tail, its own head. */
export class SubmissionQueue {
  readonly id: number;
  readonly completion: CompletionQueue;
  readonly #address: DmaAddr;
  readonly #entries: number;
  #head = 0;
  #tail = 0;

  constructor(id: number, address: DmaAddr, entries: number, completion: CompletionQueue) {
    this.id = id;
    this.completion = completion;
    this.#address = address;
    this.#entries = entries;
  }

  get head(): number {
    return this.#head;
  }

  get isEmpty(): boolean {
    return this.#head === this.#tail;
  }

  /** The doorbell; a value beyond the queue is ignored, as the error that hardware reports for it is not modelled. */
  ring(tail: number): void {
    if (tail < this.#entries) this.#tail = tail;
  }

  /** Fetches the next command, `null` where the read failed. */
  fetch(bus: BusMaster): NvmeCommand | null {
    const bytes = new Uint8Array(COMMAND_BYTES);
    const isRead = bus.readControl((this.#address + this.#head * COMMAND_BYTES) as DmaAddr, bytes);
    this.#head = (this.#head + 1) % this.#entries;
    return isRead ? decodeCommand(bytes) : null;
  }
}

/** A completion queue as its controller has it. */
export class CompletionQueue {
  readonly #address: DmaAddr;
  readonly #entries: number;
  #tail = 0;
  #head = 0;
  #phase: 0 | 1 = 1;

  constructor(address: DmaAddr, entries: number) {
    this.#address = address;
    this.#entries = entries;
  }

  get isFull(): boolean {
    return (this.#tail + 1) % this.#entries === this.#head;
  }

  /** The doorbell: the driver took the entries before `head`. */
  ring(head: number): void {
    if (head < this.#entries) this.#head = head;
  }

  /** Writes a completion; the caller looks at {@link isFull} before. */
  post(bus: BusMaster, queue: SubmissionQueue, id: number, status: number): void {
    const entry = encodeCompletion({
      submissionHead: queue.head,
      submissionQueue: queue.id,
      id,
      phase: this.#phase,
      status,
    });
    bus.writeControl((this.#address + this.#tail * COMPLETION_BYTES) as DmaAddr, entry);
    this.#tail = (this.#tail + 1) % this.#entries;
    if (this.#tail === 0) this.#phase = this.#phase === 1 ? 0 : 1;
  }
}
