import { randomBytes } from "node:crypto";
import type { BenchOutcome, PeerPathView } from "../../measured/bench.ts";
import { formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { nameOf } from "../block/data-file.ts";
import { type DirectFile, type IoResult, isRefusal } from "../block/direct-file.ts";
import { mapSystemMemory, type TransferMemory } from "../memory/transfer-memory.ts";
import { type BenchJob, reads, writes } from "./job.ts";
import type { Side } from "./side.ts";

/** Why a path is not to be measured. */
export interface PathFault {
  readonly outcome: BenchOutcome;
  readonly what: string;
  readonly remedy: string;
}

/** As much of an open file as the check needs. */
export type CheckedFile = Pick<DirectFile, "file" | "read" | "write">;

/** Data that another program changes meanwhile says nothing; it is looked at again this often. */
const MAX_TRIES = 3;

/**
 * Moves one block through peer memory in each direction that the job has, and holds it against the same block through
 * DRAM. `null`: the data is right. Throws `operation-failed` where DRAM fails as well: then it is not the path.
 */
export async function checkPath(
  file: CheckedFile,
  side: Side,
  job: BenchJob,
  path: PeerPathView,
): Promise<PathFault | null> {
  const control = await mapSystemMemory(job.blockBytes);
  try {
    const check = new PathCheck(file, side, job, path, control);
    const written = writes(job) ? await check.write() : null;
    return written ?? (reads(job) ? await check.read() : null);
  } finally {
    control.release();
  }
}

class PathCheck {
  readonly #file: CheckedFile;
  readonly #side: Side;
  readonly #job: BenchJob;
  readonly #path: PeerPathView;
  readonly #control: TransferMemory;
  /** What the memory holds before data is to arrive in it. No disk holds these bytes: memory that still does got none. */
  readonly #poison: Uint8Array;

  constructor(file: CheckedFile, side: Side, job: BenchJob, path: PeerPathView, control: TransferMemory) {
    this.#file = file;
    this.#side = side;
    this.#job = job;
    this.#path = path;
    this.#control = control;
    this.#poison = randomBytes(job.blockBytes);
  }

  async read(): Promise<PathFault | null> {
    const { memory, readsAt } = this.#side;
    const { blockBytes, offsetBytes } = this.#job;
    const arrived = new Uint8Array(blockBytes);
    for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
      const before = await this.#throughDram();
      memory.store(readsAt, this.#poison);
      const fault = this.#faultOf(await this.#file.read(memory, readsAt, blockBytes, offsetBytes), "read");
      if (fault !== null) return fault;
      memory.load(readsAt, arrived);
      const after = await this.#throughDram();
      if (Buffer.compare(before, after) !== 0) continue;
      return Buffer.compare(arrived, after) === 0 ? null : this.#loss("read", after, arrived);
    }
    throw new PeerlaneError("operation-failed", `${nameOf(this.#file.file)} changes while it is checked`, {
      remedy: "end what writes to it, or choose another range with --offset",
    });
  }

  async write(): Promise<PathFault | null> {
    const { memory, writesAt } = this.#side;
    const { blockBytes, offsetBytes } = this.#job;
    const sent = new Uint8Array(blockBytes);
    memory.load(writesAt, sent);
    const fault = this.#faultOf(await this.#file.write(memory, writesAt, blockBytes, offsetBytes), "write");
    if (fault !== null) return fault;
    const arrived = await this.#throughDram();
    return Buffer.compare(sent, arrived) === 0 ? null : this.#loss("write", sent, arrived);
  }

  async #throughDram(): Promise<Uint8Array> {
    const { blockBytes, offsetBytes } = this.#job;
    const { bytes, errno } = await this.#file.read(this.#control, 0, blockBytes, offsetBytes);
    if (errno === null && bytes === blockBytes) {
      const data = new Uint8Array(blockBytes);
      this.#control.load(0, data);
      return data;
    }
    throw new PeerlaneError(
      "operation-failed",
      `${nameOf(this.#file.file)} cannot be read at ${offsetBytes}, through DRAM: ${errno ?? `${bytes} bytes came`}`,
      { remedy: "the kernel's log (dmesg) says more; it is not the peer path" },
    );
  }

  #faultOf({ bytes, errno }: IoResult, verb: "read" | "write"): PathFault | null {
    if (errno === null && bytes === this.#job.blockBytes) return null;
    const names = this.#path.clients.map(({ bdf }) => formatBdf(bdf));
    const provider = formatBdf(this.#path.provider.bdf);
    if (isRefusal(errno))
      return {
        outcome: "refused",
        what: `the kernel refuses to ${verb} ${nameOf(this.#file.file)} through the memory of ${provider}: ${errno}`,
        remedy: `peerlane explain ${provider} ${names[0] ?? ""} says why, peerlane fix what would change it`,
      };
    return {
      outcome: "failed",
      what: `the first ${verb} through the memory of ${provider} failed: ${errno ?? `${bytes} of ${this.#job.blockBytes} bytes moved`}`,
      remedy: "the kernel's log (dmesg) says more; peerlane probe tries more sizes and offsets",
    };
  }

  #loss(verb: "read" | "write", right: Uint8Array, arrived: Uint8Array): PathFault {
    const wrong = right.findIndex((byte, index) => byte !== arrived[index]);
    const detail =
      Buffer.compare(arrived, this.#poison) === 0
        ? "nothing arrived"
        : `the data is wrong from byte ${wrong} of ${right.length} on`;
    return {
      outcome: "loses-data",
      what: `a ${verb} through the memory of ${formatBdf(this.#path.provider.bdf)} reports success, but ${detail}: this path loses data and is not measured`,
      remedy: "do not use it; peerlane probe says what is lost and what to do",
    };
  }
}
