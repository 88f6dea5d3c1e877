import type { Device } from "../../host/select.ts";
import { ByteStore } from "../../memory/bytes.ts";
import { type DmaAddr, type DmaSpan, PAGE_BYTES } from "../../pci/addresses.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { BusMaster } from "../bus-master.ts";
import { functionIn, type System } from "../system.ts";
import { readPrps, readSgl } from "./data-pointer.ts";
import { ADMIN, ENABLE, FATAL, NVM, NVME_STATUS, type NvmeCommand, READY, readAddress, viewOf } from "./protocol.ts";
import { CompletionQueue, SubmissionQueue } from "./queues.ts";
import { NvmeRegisters } from "./registers.ts";

/** What a controller has. */
export interface NvmeOptions {
  /** 1 GiB unless told; kept only where written. */
  readonly namespaceBytes?: number;
  /** 512 unless told. */
  readonly blockBytes?: 512 | 4096;
}

/** The only namespace. */
const NAMESPACE = 1;

/** The most that one command transfers (MDTS). */
export const MAX_COMMAND_BYTES: number = 2 ** 22;

type StatusCode = (typeof NVME_STATUS)[keyof typeof NVME_STATUS];

/**
 * An NVMe controller with one namespace: registers and doorbells in BAR 0, queues and data wherever the DMA addresses
 * lead that its driver gave it, a controller memory buffer among that.
 *
 * MODEL: it works when {@link run} is called, not on its own; the admin commands are those that make queues; the driver
 * polls, as there are no interrupts.
 */
export class NvmeController {
  readonly fn: Bdf;
  readonly bus: BusMaster;
  /** The namespace's bytes: for putting data there and looking at it without counting. */
  readonly namespace: ByteStore;
  readonly blockBytes: number;
  readonly blocks: number;
  readonly #registers: NvmeRegisters;
  readonly #submissions = new Map<number, SubmissionQueue>();
  readonly #completions = new Map<number, CompletionQueue>();

  /** Takes BAR 0 over. Throws `unsupported` where the function has none with an address. */
  constructor(system: System, device: Device, options: NvmeOptions = {}) {
    const fn = functionIn(system, device, "NvmeController");
    const { namespaceBytes = 2 ** 30, blockBytes = 512 } = options;
    if (!Number.isSafeInteger(namespaceBytes) || namespaceBytes < blockBytes) {
      throw new PeerlaneError("bad-input", `a namespace of ${namespaceBytes} bytes holds no block`);
    }
    this.fn = fn;
    this.bus = new BusMaster(system, fn);
    this.namespace = new ByteStore();
    this.blockBytes = blockBytes;
    this.blocks = Math.floor(namespaceBytes / blockBytes);
    this.#registers = new NvmeRegisters(system.fabric.barBytes(fn, 0), {
      configure: (value) => this.#configure(value),
      ringTail: (queue, tail) => this.#submissions.get(queue)?.ring(tail),
      ringHead: (queue, head) => this.#completions.get(queue)?.ring(head),
    });
    system.fabric.attach(fn, 0, this.#registers);
  }

  /** Carries out the commands whose doorbells were rung, in order of the queues; how many. */
  run(): number {
    let done = 0;
    for (const queue of [...this.#submissions.values()]) {
      while (!queue.isEmpty && !queue.completion.isFull) {
        const command = queue.fetch(this.bus);
        if (command === null) {
          // Hardware that cannot fetch its commands has nobody to tell but the status register.
          this.#registers.setStatus(READY | FATAL);
          return done;
        }
        const status = queue.id === 0 ? this.#administrate(command) : this.#transfer(command);
        queue.completion.post(this.bus, queue, command.id, status);
        done++;
      }
    }
    return done;
  }

  #configure(value: number): void {
    this.#submissions.clear();
    this.#completions.clear();
    const isEnabled = (value & ENABLE) !== 0;
    this.#registers.setStatus(isEnabled ? READY : 0);
    if (!isEnabled) return;
    const { submission, completion, sizes } = this.#registers.admin;
    const completions = new CompletionQueue(completion as DmaAddr, sizes[1]);
    this.#completions.set(0, completions);
    this.#submissions.set(0, new SubmissionQueue(0, submission as DmaAddr, sizes[0], completions));
  }

  /** Create I/O Completion Queue, Create I/O Submission Queue (NVMe 1.4 sec 5.3, 5.4), physically contiguous. */
  #administrate({ opcode, pointer, dword10, dword11 }: NvmeCommand): StatusCode {
    const address = readAddress(viewOf(pointer), 0);
    const id = dword10 & 0xffff;
    const entries = (dword10 >>> 16) + 1;
    const isCompletion = opcode === ADMIN.createCompletion;
    if (!isCompletion && opcode !== ADMIN.createSubmission) return NVME_STATUS["invalid-opcode"];
    if (id === 0 || id > 63 || (isCompletion ? this.#completions : this.#submissions).has(id)) {
      return NVME_STATUS["invalid-queue"];
    }
    if (entries < 2 || entries > 1024) return NVME_STATUS["invalid-queue-size"];
    if ((dword11 & 1) === 0) return NVME_STATUS["invalid-field"];
    if (address % PAGE_BYTES !== 0) return NVME_STATUS["prp-offset-invalid"];
    if (isCompletion) {
      this.#completions.set(id, new CompletionQueue(address, entries));
      return NVME_STATUS.success;
    }
    const completion = this.#completions.get(dword11 >>> 16);
    if (completion === undefined || dword11 >>> 16 === 0) return NVME_STATUS["completion-queue-invalid"];
    this.#submissions.set(id, new SubmissionQueue(id, address, entries, completion));
    return NVME_STATUS.success;
  }

  #transfer(command: NvmeCommand): StatusCode {
    const { opcode, namespace, dword10, dword11, dword12 } = command;
    if (opcode === NVM.flush) return NVME_STATUS.success;
    if (opcode !== NVM.read && opcode !== NVM.write) return NVME_STATUS["invalid-opcode"];
    if (namespace !== NAMESPACE) return NVME_STATUS["invalid-namespace"];
    const start = dword10 + dword11 * 2 ** 32;
    const count = (dword12 & 0xffff) + 1;
    if (start + count > this.blocks) return NVME_STATUS["lba-out-of-range"];
    const lengthBytes = count * this.blockBytes;
    if (lengthBytes > MAX_COMMAND_BYTES) return NVME_STATUS["invalid-field"];
    const spans = this.#memoryOf(command, lengthBytes);
    if (typeof spans === "string") return NVME_STATUS[spans];
    const data = new Uint8Array(lengthBytes);
    if (opcode === NVM.read) {
      this.namespace.read(start * this.blockBytes, data);
      this.bus.scatter(spans, 0, data);
      return NVME_STATUS.success;
    }
    // MODEL: a write whose data cannot be read leaves the blocks as they were; the standard leaves that open.
    if (!this.bus.gather(spans, 0, data)) return NVME_STATUS["data-transfer-error"];
    this.namespace.write(start * this.blockBytes, data);
    return NVME_STATUS.success;
  }

  #memoryOf({ isSgl, pointer }: NvmeCommand, lengthBytes: number): readonly DmaSpan[] | keyof typeof NVME_STATUS {
    const read = isSgl ? readSgl : readPrps;
    return read(pointer, lengthBytes, (address, into) => this.bus.readControl(address, into));
  }
}
