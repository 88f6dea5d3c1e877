import { closeSync, readSync } from "node:fs";
import { PeerlaneError } from "../../pci/error.ts";
import { foreignFunctions } from "../foreign-functions.ts";

/** `struct perf_event_attr` of its first release, which every kernel takes (`PERF_ATTR_SIZE_VER0`). */
const ATTRIBUTES_BYTES = 64;
/** PERF_FORMAT_TOTAL_TIME_ENABLED and PERF_FORMAT_TOTAL_TIME_RUNNING. */
const READ_FORMAT = 3n;
const PERF_FLAG_FD_CLOEXEC = 8;

/** What to count, and where. */
export interface PerfEventSpec {
  readonly type: number;
  readonly config: bigint;
  readonly config1?: bigint;
  /** `process`: this one on any CPU; else all that a CPU sees, which needs CAP_PERFMON or perf_event_paranoid below 1. */
  readonly where: "process" | { readonly cpu: number };
}

/** A counter of the perf subsystem (perf_event_open(2)), counting from when it is opened. */
export class PerfEvent {
  readonly #file: number;
  /** The count, the time it was wanted, the time it ran. */
  readonly #values = new BigUint64Array(3);

  private constructor(file: number) {
    this.#file = file;
  }

  /** Opens a counter. Throws `environment` with the errno's name as a fact. */
  static async open(spec: PerfEventSpec): Promise<PerfEvent> {
    const functions = await foreignFunctions();
    const attributes = attributesOf(spec);
    const [pid, cpu] = spec.where === "process" ? [0, -1] : [-1, spec.where.cpu];
    const file = functions.perfEventOpen(attributes, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
    if (file >= 0) return new PerfEvent(file);
    const errno = functions.errorName();
    throw new PeerlaneError("environment", `perf_event_open: ${errno}`, { facts: { errno } });
  }

  /** The count so far; where the hardware was shared, what it would be had it counted all the time. */
  read(): number {
    readSync(this.#file, this.#values, 0, this.#values.byteLength, null);
    const [count = 0n, enabled = 0n, running = 0n] = this.#values;
    return running === 0n ? 0 : Number(count) * (Number(enabled) / Number(running));
  }

  close(): void {
    closeSync(this.#file);
  }
}

function attributesOf({ type, config, config1 = 0n }: PerfEventSpec): Uint8Array {
  const bytes = new Uint8Array(ATTRIBUTES_BYTES);
  new Uint32Array(bytes.buffer).set([type, ATTRIBUTES_BYTES]);
  const words = new BigUint64Array(bytes.buffer);
  words[1] = config;
  words[4] = READ_FORMAT;
  words[7] = config1;
  return bytes;
}
