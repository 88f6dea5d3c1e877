import type { NvmeDriver } from "../devices/nvme/driver.ts";
import type { RdmaPort } from "../devices/rdma/memory-region.ts";
import type { RdmaNic } from "../devices/rdma/rdma-nic.ts";
import { RemoteHost } from "../devices/rdma/remote-host.ts";
import type { System } from "../devices/system.ts";
import type { DmaFailure } from "../dma/dma-error.ts";
import type { PhysRange } from "../pci/addresses.ts";
import { PeerlaneError } from "../pci/error.ts";
import {
  type ChosenProvider,
  chooseProvider,
  type IoBuffer,
  type PeerMemoryChoice,
  refuseProvider,
  takeIoBuffer,
} from "./io-memory.ts";
import { conclude, isSuccess, type StepResult, sameBytes, type TransferReport } from "./outcome.ts";
import { runOf, withMapped } from "./steps.ts";
import { reportTraffic } from "./traffic-report.ts";

/** What a target is made of. */
export interface NvmeOfOptions {
  readonly nic: RdmaNic;
  /** The namespace that it exports. */
  readonly drive: NvmeDriver;
  /** `auto` unless told. */
  readonly peerMemory?: PeerMemoryChoice;
  /** Decides between providers that are as near; 0 unless told. */
  readonly seed?: number;
}

/** One I/O of a host, whose memory is behind a key at its end of the wire. */
export interface NvmeOfIo {
  readonly key: number;
  readonly offset: number;
  /** First block of the namespace. */
  readonly block: number;
  /** Whole blocks. */
  readonly lengthBytes: number;
}

/** How an I/O ended, and whose memory it went through. */
export interface NvmeOfReport extends TransferReport {
  readonly buffer: IoBuffer["origin"];
}

/**
 * A namespace with peer memory that hosts connect to, as nvmet has it: the drive has to reach the memory, else the
 * namespace is not enabled; where a host's NIC does not, its queue takes RAM.
 */
export class NvmeOfTarget {
  readonly #system: System;
  readonly #options: NvmeOfOptions;

  constructor(system: System, options: NvmeOfOptions) {
    this.#system = system;
    this.#options = options;
  }

  /** Why the namespace is not enabled, `null` where it is (see {@link refuseProvider}). */
  refusal(): DmaFailure | null {
    const { drive, peerMemory = "auto" } = this.#options;
    return refuseProvider(this.#system, drive.controller.fn, peerMemory);
  }

  /**
   * A host connects: now the memory of its I/O is chosen. Throws `unsupported` where a verdict is unknown,
   * `operation-failed` where there is a {@link refusal}.
   */
  connect(host: RdmaPort): NvmeOfQueue {
    const { nic, drive, peerMemory = "auto", seed = 0 } = this.#options;
    const refusal = this.refusal();
    if (refusal !== null) {
      throw new PeerlaneError("operation-failed", `the namespace is not enabled: ${refusal.errno}: ${refusal.reason}`, {
        facts: { errno: refusal.errno },
        remedy: "name a provider that the drive reaches, or 'off' for RAM",
      });
    }
    const chosen = chooseProvider(this.#system, [nic.fn, drive.controller.fn], peerMemory, seed);
    return new NvmeOfQueue(this.#system, this.#options, host, chosen);
  }
}

/**
 * A host's queue at an NVMe-oF target over RDMA. A write is taken into the buffer by an RDMA READ, which the adapter
 * carries out as writes to the buffer, and the drive reads it from there; a read goes the other way.
 *
 * MODEL: the command and the response of the wire protocol are not carried; one I/O at a time.
 */
export class NvmeOfQueue {
  /** What was chosen when the queue was made. */
  readonly chosen: ChosenProvider;
  readonly #system: System;
  readonly #options: NvmeOfOptions;
  readonly #host: RdmaPort;

  constructor(system: System, options: NvmeOfOptions, host: RdmaPort, chosen: ChosenProvider) {
    this.#system = system;
    this.#options = options;
    this.#host = host;
    this.chosen = chosen;
  }

  /** The host writes blocks. */
  write(io: NvmeOfIo): NvmeOfReport {
    return this.#run(io, (range) => {
      const fetched = this.#transferByNic("fetch", io, range);
      return isSuccess(fetched) ? this.#transferByDrive("write", io, range) : fetched;
    });
  }

  /** The host reads blocks. */
  read(io: NvmeOfIo): NvmeOfReport {
    return this.#run(io, (range) => {
      const filled = this.#transferByDrive("read", io, range);
      return isSuccess(filled) ? this.#transferByNic("deliver", io, range) : filled;
    });
  }

  #run(io: NvmeOfIo, transfer: (range: PhysRange) => StepResult): NvmeOfReport {
    const { nic, drive } = this.#options;
    const masters = [nic.bus, drive.controller.bus];
    // What was left from before is not this I/O's.
    for (const bus of masters) bus.takeFailures();
    const buffer = takeIoBuffer(this.#system, this.chosen, io.lengthBytes);
    const mark = this.#system.traffic.mark();
    try {
      const step = transfer(buffer.range);
      const report = conclude(step, {
        lengthBytes: io.lengthBytes,
        failures: masters.flatMap((bus) => bus.takeFailures()),
        bytesMatch: this.#bytesMatch(io),
        traffic: reportTraffic(this.#system, this.#system.traffic.since(mark)),
      });
      return { ...report, buffer: buffer.origin };
    } finally {
      buffer.release();
    }
  }

  #transferByNic(what: "fetch" | "deliver", io: NvmeOfIo, range: PhysRange): StepResult {
    const { nic } = this.#options;
    const { key, offset, lengthBytes } = io;
    const direction = what === "fetch" ? "from-device" : "to-device";
    return withMapped(this.#system, nic.fn, runOf(range, lengthBytes), direction, (spans) => {
      const region = nic.register(spans, { remoteRead: false, remoteWrite: false });
      const local = { region, offset: 0, lengthBytes };
      try {
        const status =
          what === "fetch"
            ? nic.read(this.#host, { key, offset }, local)
            : nic.write(this.#host, local, { key, offset });
        return { status };
      } finally {
        nic.deregister(region);
      }
    });
  }

  #transferByDrive(kind: "read" | "write", { block, lengthBytes }: NvmeOfIo, range: PhysRange): StepResult {
    const { drive } = this.#options;
    const direction = kind === "write" ? "to-device" : "from-device";
    return withMapped(this.#system, drive.controller.fn, runOf(range, lengthBytes), direction, (spans) => ({
      status: drive.transfer(kind, block, spans),
    }));
  }

  /** Compares what the host has with what the namespace has; both hold the same after a read as after a write. */
  #bytesMatch({ block, offset, lengthBytes }: NvmeOfIo): boolean | null {
    if (!(this.#host instanceof RemoteHost)) return null;
    const { namespace, blockBytes } = this.#options.drive.controller;
    return sameBytes(this.#host.memory.slice(offset, lengthBytes), namespace.slice(block * blockBytes, lengthBytes));
  }
}
