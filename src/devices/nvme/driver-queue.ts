import type { DmaAddr, PhysAddr } from "../../pci/addresses.ts";
import type { NvmeController } from "./controller.ts";
import {
  COMMAND_BYTES,
  COMPLETION_BYTES,
  decodeCompletion,
  encodeCommand,
  type NvmeCommand,
  type NvmeStatus,
  REGISTER,
  statusName,
} from "./protocol.ts";
import { registerBytes } from "./registers.ts";

/** Memory of a driver that its controller reaches: where the CPU has it, and where the controller. */
export interface QueueMemory {
  readonly phys: PhysAddr;
  readonly address: DmaAddr;
  release(): void;
}

/** What a pair of queues is made of. */
export interface DriverQueueParts {
  readonly id: number;
  readonly entries: number;
  readonly commands: QueueMemory;
  readonly completions: QueueMemory;
  readonly controller: NvmeController;
  cpuWrite(phys: PhysAddr, bytes: Uint8Array): void;
  cpuRead(phys: PhysAddr, into: Uint8Array): void;
  setRegister(offset: number, bytes: Uint8Array): void;
}

/** A submission and a completion queue as their driver has them; one command at a time. */
export class DriverQueue {
  readonly commands: QueueMemory;
  readonly completions: QueueMemory;
  readonly #parts: DriverQueueParts;
  #tail = 0;
  #head = 0;
  #phase: 0 | 1 = 1;
  #nextId = 0;

  /** The completions' memory is cleared: an entry of an earlier user must not look like one of this queue. */
  constructor(parts: DriverQueueParts) {
    this.#parts = parts;
    this.commands = parts.commands;
    this.completions = parts.completions;
    parts.cpuWrite(parts.completions.phys, new Uint8Array(parts.entries * COMPLETION_BYTES));
  }

  /**
   * Submits a command, lets the controller work, and takes the completion. After `no-completion` the two are out of step,
   * as in hardware: the driver has to be stopped and made anew.
   */
  execute(command: Omit<NvmeCommand, "id">): NvmeStatus {
    const { id: queue, entries, controller, cpuWrite, cpuRead, setRegister } = this.#parts;
    const id = this.#nextId;
    this.#nextId = (id + 1) % 0x1_0000;
    cpuWrite((this.commands.phys + this.#tail * COMMAND_BYTES) as PhysAddr, encodeCommand({ ...command, id }));
    this.#tail = (this.#tail + 1) % entries;
    setRegister(REGISTER.doorbells + 8 * queue, registerBytes(this.#tail));
    controller.run();
    const bytes = new Uint8Array(COMPLETION_BYTES);
    cpuRead((this.completions.phys + this.#head * COMPLETION_BYTES) as PhysAddr, bytes);
    const completion = decodeCompletion(bytes);
    // A completion that was lost on its way leaves the old entry there.
    if (completion.phase !== this.#phase || completion.id !== id) return "no-completion";
    this.#head = (this.#head + 1) % entries;
    if (this.#head === 0) this.#phase = this.#phase === 1 ? 0 : 1;
    setRegister(REGISTER.doorbells + 8 * queue + 4, registerBytes(this.#head));
    return statusName(completion.status);
  }
}
