import type { DmaMapping } from "../../dma/dma-ops.ts";
import {
  type DmaAddr,
  type DmaSpan,
  dmaFromBus,
  type PhysAddr,
  type PhysRange,
  physToBus,
} from "../../pci/addresses.ts";
import { formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { partOf, spanBytes } from "../dma-spans.ts";
import { poolOf, type System } from "../system.ts";
import { MAX_COMMAND_BYTES, type NvmeController } from "./controller.ts";
import { dataPointerOf } from "./data-pointer.ts";
import { DriverQueue, type QueueMemory } from "./driver-queue.ts";
import { ADMIN, ENABLE, NVM, type NvmeStatus, REGISTER, viewOf, writeAddress } from "./protocol.ts";
import { addressBytes, registerBytes } from "./registers.ts";

/** How the driver sets a controller up. */
export interface NvmeDriverOptions {
  /** Where commands lie; `host` unless told. Completions are in host memory always, as in Linux. */
  readonly commandsIn?: "host" | "controller";
  /** Entries of the I/O queue; 64 unless told. */
  readonly entries?: number;
}

/** Bytes of one command's data at most, and room for its list: as an SGL, one descriptor for each 512 bytes. */
const TRANSFER_BYTES: number = Math.min(2 ** 20, MAX_COMMAND_BYTES);
const LIST_BYTES = 2 ** 16;
const ADMIN_ENTRIES = 32;
const NAMESPACE = 1;

/**
 * The host's driver of a controller: one admin and one I/O queue, polled. It hands the controller DMA addresses, those of
 * its own queues and lists as the DMA API mapped them, those of data as the caller got them.
 */
export class NvmeDriver {
  readonly controller: NvmeController;
  readonly #system: System;
  readonly #admin: DriverQueue;
  readonly #io: DriverQueue;
  readonly #list: QueueMemory;
  /** All memory that {@link stop} gives back. */
  readonly #owned: QueueMemory[] = [];

  /**
   * Enables the controller and makes its queues. Throws `operation-failed` where memory for them cannot be had or mapped,
   * or the controller does not answer; `unsupported` where commands shall be in a buffer that it does not have.
   */
  constructor(system: System, controller: NvmeController, options: NvmeDriverOptions = {}) {
    const { commandsIn = "host", entries = 64 } = options;
    this.#system = system;
    this.controller = controller;
    try {
      this.#admin = this.#queue(0, ADMIN_ENTRIES, "host");
      this.#list = this.#memory(LIST_BYTES);
      this.#enable();
      this.#io = this.#queue(1, entries, commandsIn);
      this.#create(ADMIN.createCompletion, this.#io.completions.address, entries, 0x1);
      this.#create(ADMIN.createSubmission, this.#io.commands.address, entries, 0x1_0001);
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  /**
   * Reads blocks to memory, or writes them from it, as one command or more; the first status that is no success. Throws
   * `bad-input` for memory that is no whole blocks.
   */
  transfer(kind: "read" | "write", block: number, memory: readonly DmaSpan[]): NvmeStatus {
    const { blockBytes } = this.controller;
    const lengthBytes = spanBytes(memory);
    if (lengthBytes === 0 || lengthBytes % blockBytes !== 0) {
      throw new PeerlaneError("bad-input", `${lengthBytes} bytes are no whole blocks of ${blockBytes}`);
    }
    for (let done = 0; done < lengthBytes; done += TRANSFER_BYTES) {
      const length = Math.min(TRANSFER_BYTES, lengthBytes - done);
      const status = this.#command(kind, block + done / blockBytes, length, partOf(memory, done, length));
      if (status !== "success") return status;
    }
    return "success";
  }

  #command(kind: "read" | "write", block: number, lengthBytes: number, memory: readonly DmaSpan[]): NvmeStatus {
    const data = dataPointerOf(memory, this.#list.address, LIST_BYTES);
    if (data === null)
      throw new PeerlaneError("bad-input", `${memory.length} runs of memory are too many for a command`);
    const { list, ...pointer } = data;
    if (list !== null) this.#cpuWrite(this.#list.phys, list);
    return this.#io.execute({
      ...pointer,
      opcode: kind === "read" ? NVM.read : NVM.write,
      namespace: NAMESPACE,
      dword10: block % 2 ** 32,
      dword11: Math.floor(block / 2 ** 32),
      dword12: lengthBytes / this.controller.blockBytes - 1,
    });
  }

  #enable(): void {
    const { commands, completions } = this.#admin;
    this.#setRegister(REGISTER.adminQueueSizes, registerBytes((ADMIN_ENTRIES - 1) * 0x1_0001));
    this.#setRegister(REGISTER.adminSubmission, addressBytes(commands.address));
    this.#setRegister(REGISTER.adminCompletion, addressBytes(completions.address));
    this.#setRegister(REGISTER.configuration, registerBytes(ENABLE));
  }

  #create(opcode: number, address: DmaAddr, entries: number, dword11: number): void {
    const pointer = new Uint8Array(16);
    writeAddress(viewOf(pointer), 0, address);
    const dword10 = ((entries - 1) << 16) | 1;
    const status = this.#admin.execute({ opcode, namespace: 0, isSgl: false, pointer, dword10, dword11, dword12: 0 });
    if (status === "success") return;
    throw new PeerlaneError("operation-failed", `${formatBdf(this.controller.fn)} makes no I/O queue: ${status}`, {
      remedy: "see whether it reaches host memory: 'simulate --trace' shows its requests",
    });
  }

  #queue(id: number, entries: number, commandsIn: "host" | "controller"): DriverQueue {
    const { controller } = this;
    const commands = commandsIn === "host" ? this.#memory(entries * 64) : this.#ownMemory(entries * 64);
    const completions = this.#memory(entries * 16);
    return new DriverQueue({ id, entries, commands, completions, controller, ...this.#cpu() });
  }

  /** Memory of the host that the controller reaches without bouncing (`dma_alloc_coherent`). */
  #memory(sizeBytes: number): QueueMemory {
    const { fn } = this.controller;
    const device = this.#system.deviceOf(fn);
    const below = 2 ** device.maskBits - device.ramBusOffset;
    const range = this.#system.ram.alloc(sizeBytes, { below });
    if (range === null) throw new PeerlaneError("operation-failed", `no RAM for queues of ${formatBdf(fn)}`);
    const mapped = this.#system.opsOf(fn).mapRange(device, range, "bidirectional");
    if (!mapped.ok) {
      this.#system.ram.free(range);
      throw new PeerlaneError("operation-failed", `queues of ${formatBdf(fn)} cannot be mapped: ${mapped.reason}`);
    }
    return this.#own(range.start, mapped.value.address, () => this.#unmap(range, mapped.value));
  }

  #unmap(range: PhysRange, mapping: DmaMapping): void {
    const { fn } = this.controller;
    this.#system.opsOf(fn).unmapRange(this.#system.deviceOf(fn), mapping, "bidirectional");
    this.#system.ram.free(range);
  }

  /** Memory in the controller's own buffer, at its bus address (`pci_p2pmem_virt_to_bus`, Linux 7.2). */
  #ownMemory(sizeBytes: number): QueueMemory {
    const { fn } = this.controller;
    const pool = poolOf(this.#system, fn);
    const range = pool.alloc(sizeBytes);
    const provider = range === null ? null : this.#system.maps.providerAt(range.start);
    if (range === null || provider === null) {
      throw new PeerlaneError("operation-failed", `the buffer of ${formatBdf(fn)} has no room for a queue`);
    }
    const address = dmaFromBus(physToBus(range.start, provider.busOffset));
    return this.#own(range.start, address, () => pool.free(range));
  }

  #own(phys: PhysAddr, address: DmaAddr, release: () => void): QueueMemory {
    const memory = { phys, address, release };
    this.#owned.push(memory);
    return memory;
  }

  /** Disables the controller and gives the memory of its queues back. */
  stop(): void {
    this.#setRegister(REGISTER.configuration, registerBytes(0));
    for (const memory of this.#owned.splice(0)) memory.release();
  }

  #setRegister(offset: number, bytes: Uint8Array): void {
    const bar = this.#system.physical.barRange(this.controller.fn, 0);
    if (bar !== null) this.#cpuWrite((bar.start + offset) as PhysAddr, bytes);
  }

  #cpu(): Pick<ConstructorParameters<typeof DriverQueue>[0], "cpuWrite" | "cpuRead" | "setRegister"> {
    const { fabric, traffic } = this.#system;
    return {
      cpuWrite: (phys, bytes) => this.#cpuWrite(phys, bytes),
      cpuRead: (phys, into) => {
        traffic.asControl(() => fabric.cpuRead(phys, into));
      },
      setRegister: (offset, bytes) => this.#setRegister(offset, bytes),
    };
  }

  #cpuWrite(phys: PhysAddr, bytes: Uint8Array): void {
    const { fabric, traffic } = this.#system;
    traffic.asControl(() => fabric.cpuWrite(phys, bytes));
  }
}
