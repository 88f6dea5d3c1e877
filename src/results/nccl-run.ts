import type { Collector } from "./collector.ts";
import { GpuList, gpuAddress, groupOf } from "./devices.ts";
import type { MeasuredDevice, MeasuredEntry, ResultPlace } from "./results.ts";

/** Operations with one rank at which all starts or ends, and which way data goes: nothing comes back. */
const ROOTED: Readonly<Record<string, "out" | "in">> = {
  broadcast_perf: "out",
  scatter_perf: "out",
  reduce_perf: "in",
  gather_perf: "in",
};

/** Domain, bus and device (`0000:07:00`), with a function in rccl-tests, or the bus alone (`0x07`) in older releases. */
const ADDRESS = /^(?:([0-9a-f]{4,8}):([0-9a-f]{2}):([0-9a-f]{2})(?:\.0)?|0x([0-9a-f]{2}))$/i;

/** One figure of a run. */
export interface NcclFigure {
  /** 10^9 bytes in a second. */
  readonly busbw: number;
  readonly sizeBytes: number;
  readonly isInPlace: boolean;
  /** Of one operation. */
  readonly microseconds: number | undefined;
  /** Values that were wrong, where that was checked. */
  readonly wrong: number | undefined;
  /** The rank at which a rooted operation starts or ends; -1 for the others. */
  readonly root: number | undefined;
  readonly place: ResultPlace;
}

/** A run of one of the nccl-tests: who took part, and what came out. */
export class NcclRun {
  /** `all_reduce_perf`; `null` where the output does not say. */
  test: string | null = null;
  /** How NCCL connected the ranks, as far as it said: `P2P`, `SHM`, `NET`, or that peers were turned off. */
  readonly transports: Set<string> = new Set();
  readonly #out: Collector;
  readonly #gpus: GpuList;
  readonly #ranks: MeasuredDevice[] = [];
  #host: string | null = null;
  /** All ranks at either end; made once. */
  #all: MeasuredDevice | null = null;

  constructor(out: Collector) {
    this.#out = out;
    this.#gpus = new GpuList(out);
  }

  /** The next rank, with its GPU as the line names it. */
  addRank(host: string, index: number, address: string, name: string): void {
    this.#all = null;
    this.#host ??= host;
    if (host !== this.#host) {
      this.#ranks.push({ kind: "unknown", why: `a GPU of another host (rank ${this.#ranks.length})` });
      return;
    }
    const [, domain, bus = "", device = "", busAlone] = ADDRESS.exec(address) ?? [];
    // Virtual machines have GPUs on bus 0, which says nothing.
    const isBusOnly = busAlone !== undefined && busAlone !== "00";
    if (isBusOnly) {
      this.#out.assume(
        "nccl-tests prints only the bus of a GPU in this release: PCI domain 0000 and device 00 are assumed",
      );
    }
    const bdf =
      domain !== undefined ? gpuAddress(domain, bus, device) : isBusOnly ? gpuAddress("0", busAlone, "0") : null;
    this.#gpus.set(index, { kind: "gpu", index, bdf, name });
    this.#ranks.push(this.#gpus.get(index));
  }

  add({ busbw, sizeBytes, isInPlace, microseconds, wrong, root = -1, place }: NcclFigure): void {
    const count = this.#ranks.length;
    if (count === 1) {
      this.#out.leaveOut("figures of copies within one device");
      return;
    }
    const isRooted = root >= 0;
    const [from, to] = this.#ends(root);
    this.#out.add({
      tool: "nccl-tests",
      test: this.test ?? "nccl-tests",
      label: `bus bandwidth, ${isInPlace ? "in-place" : "out-of-place"}`,
      from,
      to,
      operation: this.test === "sendrecv_perf" ? "send" : "collective",
      mover: "unknown",
      direction: "one-way",
      opposed: !isRooted,
      flows: count === 0 ? null : isRooted ? count - 1 : count,
      bytesPerSecond: busbw * 1e9,
      latencyNs: microseconds === undefined ? null : microseconds * 1000,
      sizeBytes,
      peer: this.#peer(),
      place,
      doubts:
        wrong !== undefined && wrong > 0 ? [`${wrong} values were wrong: the data did not arrive as it was sent`] : [],
    });
  }

  /** Of two ranks, which sends to which; else all of them at either end. */
  #ends(root: number): readonly [MeasuredDevice, MeasuredDevice] {
    const [first, second] = this.#ranks;
    if (this.#ranks.length === 2 && first !== undefined && second !== undefined) {
      const way = root < 0 ? "out" : ROOTED[this.test ?? ""];
      if (way !== undefined) return (root === 1) === (way === "out") ? [second, first] : [first, second];
    }
    this.#all ??=
      this.#ranks.length === 0
        ? { kind: "unknown", why: "the lines that name the ranks are not there" }
        : groupOf([...this.#ranks]);
    return [this.#all, this.#all];
  }

  #peer(): MeasuredEntry["peer"] {
    if (this.transports.has("P2P disabled")) return "off";
    if (this.transports.size !== 1) return "unknown";
    return this.transports.has("P2P") ? "on" : this.transports.has("SHM") ? "off" : "unknown";
  }
}
