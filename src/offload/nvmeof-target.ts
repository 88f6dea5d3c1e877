import type { BusMaster, TransferFailure } from "../devices/bus-master.ts";
import type { NvmeDriver } from "../devices/nvme/driver.ts";
import type { RdmaPort } from "../devices/rdma/memory-region.ts";
import type { RdmaNic } from "../devices/rdma/rdma-nic.ts";
import { RemoteHost } from "../devices/rdma/remote-host.ts";
import type { System } from "../devices/system.ts";
import { addTraffic, type SplitTraffic } from "../devices/traffic.ts";
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

/** An I/O that is under way: its memory is taken, and its first half, into that memory, is over. */
export interface NvmeOfWork {
  /** The second half, out of the memory, which is then given back. */
  finish(): NvmeOfReport;
  /** Gives the memory back, without the second half. */
  abandon(): void;
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
 * MODEL: the command and the response of the wire protocol are not carried. Of I/Os that are under way together the halves
 * are carried out one after the other.
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
    return this.begin("write", io).finish();
  }

  /** The host reads blocks. */
  read(io: NvmeOfIo): NvmeOfReport {
    return this.begin("read", io).finish();
  }

  /** Takes memory for an I/O and brings the data into it: from the host for a write, from the drive for a read. */
  begin(kind: "read" | "write", io: NvmeOfIo): NvmeOfWork {
    const { nic, drive } = this.#options;
    const phases = new Phases(this.#system, [nic.bus, drive.controller.bus]);
    const buffer = takeIoBuffer(this.#system, this.chosen, io.lengthBytes);
    const halves = {
      write: [
        () => this.#transferByNic("fetch", io, buffer.range),
        () => this.#transferByDrive("write", io, buffer.range),
      ],
      read: [
        () => this.#transferByDrive("read", io, buffer.range),
        () => this.#transferByNic("deliver", io, buffer.range),
      ],
    } as const;
    const [into, out] = halves[kind];
    let first: StepResult;
    try {
      first = phases.run(into);
    } catch (error) {
      buffer.release();
      throw error;
    }
    return {
      finish: () => {
        try {
          const step = isSuccess(first) ? phases.run(out) : first;
          const bytesMatch = this.#bytesMatch(io);
          return { ...phases.conclude(step, io.lengthBytes, bytesMatch), buffer: buffer.origin };
        } finally {
          buffer.release();
        }
      },
      abandon: () => buffer.release(),
    };
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

/** What the halves of one I/O did, though others' work lies between them. */
class Phases {
  readonly #system: System;
  readonly #masters: readonly BusMaster[];
  readonly #failures: TransferFailure[] = [];
  #traffic: SplitTraffic;

  constructor(system: System, masters: readonly BusMaster[]) {
    this.#system = system;
    this.#masters = masters;
    this.#traffic = system.traffic.since(system.traffic.mark());
  }

  run(work: () => StepResult): StepResult {
    // What was left from before is not this I/O's.
    for (const bus of this.#masters) bus.takeFailures();
    const mark = this.#system.traffic.mark();
    try {
      return work();
    } finally {
      this.#traffic = addTraffic(this.#traffic, this.#system.traffic.since(mark));
      this.#failures.push(...this.#masters.flatMap((bus) => bus.takeFailures()));
    }
  }

  conclude(step: StepResult, lengthBytes: number, bytesMatch: boolean | null): TransferReport {
    const traffic = reportTraffic(this.#system, this.#traffic);
    return conclude(step, { lengthBytes, failures: this.#failures, bytesMatch, traffic });
  }
}
