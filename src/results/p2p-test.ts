import type { Collector, LineReader } from "./collector.ts";
import { GpuList, gpuAddress } from "./devices.ts";
import { type Line, placeOf } from "./lines.ts";
import { MatrixLines } from "./matrix.ts";
import type { MeasuredEntry, ResultPlace } from "./results.ts";

/** What a table of the test holds, by the line above it. */
interface Title {
  readonly quantity: "bandwidth" | "latency";
  readonly isSum: boolean;
  readonly isEnabled: boolean;
  /** `null` in releases of CUDA's samples before 10, which do not print it. */
  readonly operation: "read" | "write" | null;
  readonly place: ResultPlace;
}

const TITLE =
  /^\s*(?:(Unidirectional|Bidirectional) )?P2P=(Enabled|Disabled) (Bandwidth|Latency) (?:\(P2P (Write|Read)s\) )?Matrix \((?:GB\/s|us)\)$/;

const DEVICE =
  /^\s*Device: (\d{1,4}), (.{1,200}), pciBusID: ([0-9a-f]{1,4}), pciDeviceID: ([0-9a-f]{1,4}), pciDomainID: ?([0-9a-f]{1,8})$/i;

/**
 * Reads p2pBandwidthLatencyTest of CUDA's samples (p2pBandwidthLatencyTest.cu). GB/s are 10^9 bytes in a second; a
 * bidirectional table is the sum of both ways (`gb = 2.0 * …`). A write goes from the GPU of the row to that of the column, a
 * read comes from that of the column; the GPU of the row runs either. Samples before CUDA 10 do not say which, and read.
 * Without P2P, CUDA copies through memory of the host, and so it does in the tables with P2P for pairs that cannot reach each
 * other.
 */
export class P2pTest implements LineReader {
  readonly #out: Collector;
  readonly #gpus: GpuList;
  /** `from * 65536 + to` of GPUs that reach each other, and those of which it is said that they do not. */
  readonly #reaches = new Map<number, boolean>();
  #title: Title | null = null;
  #lines: MatrixLines | null = null;
  #side: "GPU" | "CPU" = "GPU";
  /** Kept until it is known whether this is an old sample, whose copies go the other way. */
  #held: MeasuredEntry[] = [];
  #isOld = false;

  constructor(out: Collector) {
    this.#out = out;
    this.#gpus = new GpuList(out);
  }

  take(line: Line): boolean {
    return this.#takeHead(line) || this.#takeTable(line);
  }

  leave(): void {
    this.#close();
    this.#title = null;
    if (this.#isOld && this.#held.length > 0) {
      this.#out.assume(
        "this p2pBandwidthLatencyTest does not say whether it read or wrote: reads are assumed, as in CUDA's samples before 10",
      );
    }
    for (const entry of this.#held) {
      this.#out.add(this.#isOld && entry.direction === "one-way" ? turned(entry) : entry);
    }
    this.#held = [];
    this.#isOld = false;
  }

  #takeHead({ text }: Line): boolean {
    if (/^\s*\[P2P \(Peer-to-Peer\) GPU Bandwidth Latency Test\]$/.test(text)) {
      this.leave();
      this.#gpus.clear();
      this.#reaches.clear();
      this.#out.saw("p2pBandwidthLatencyTest");
      return true;
    }
    const device = DEVICE.exec(text);
    if (device !== null) {
      const [, index = "", name = "", bus = "", slot = "", domain = ""] = device;
      this.#gpus.set(Number(index), { kind: "gpu", index: Number(index), bdf: gpuAddress(domain, bus, slot), name });
      this.#out.saw("p2pBandwidthLatencyTest");
      return true;
    }
    const access = /^\s*Device=(\d{1,4}) (CAN|CANNOT) Access Peer Device=(\d{1,4})$/.exec(text);
    if (access !== null) {
      this.#reaches.set(Number(access[1]) * 65536 + Number(access[3]), access[2] === "CAN");
      return true;
    }
    if (/^\s*P2P Connectivity Matrix$/.test(text)) {
      this.#close();
      this.#title = null;
      this.#lines = new MatrixLines(this.#out, "D\\D");
      return true;
    }
    return false;
  }

  #takeTable(line: Line): boolean {
    const title = TITLE.exec(line.text);
    if (title !== null) {
      this.#close();
      this.#out.saw("p2pBandwidthLatencyTest");
      const operation = title[4] === undefined ? null : title[4] === "Read" ? "read" : "write";
      this.#title = {
        quantity: title[3] === "Bandwidth" ? "bandwidth" : "latency",
        isSum: title[1] === "Bidirectional",
        isEnabled: title[2] === "Enabled",
        operation,
        place: placeOf(line, 0),
      };
      this.#isOld ||= this.#title.isEnabled && !this.#title.isSum && operation === null;
      this.#lines = new MatrixLines(this.#out, "D\\D");
      this.#side = "GPU";
      return true;
    }
    // Tables of latency come twice: as the GPU and as the CPU saw it.
    const corner = /^\s*(GPU|CPU)(?:\s{1,8}\d{1,4})+$/.exec(line.text)?.[1];
    if (corner !== undefined && this.#title?.quantity === "latency") {
      if (corner === "CPU") this.#close();
      this.#side = corner === "CPU" ? "CPU" : "GPU";
      this.#lines = new MatrixLines(this.#out, corner);
    }
    return this.#lines?.take(line) === true;
  }

  #close(): void {
    const matrix = this.#lines?.end(true) ?? null;
    this.#lines = null;
    const title = this.#title;
    if (matrix === null || title === null) {
      for (const row of matrix?.rows ?? []) {
        row.cells.forEach(({ value }, at) => {
          this.#reaches.set(row.index * 65536 + (matrix?.columns[at] ?? at), value === 1);
        });
      }
      return;
    }
    for (const row of matrix.rows) {
      row.cells.forEach(({ value, place }, at) => {
        const column = matrix.columns[at] ?? at;
        if (column === row.index) this.#out.leaveOut("figures of copies within one device");
        else if (this.#side === "CPU") this.#out.leaveOut("times that the CPU took to start copies");
        else if (value !== null) this.#hold(title, row.index, column, value, place);
      });
    }
  }

  #hold(title: Title, row: number, column: number, value: number, place: ResultPlace): void {
    this.#out.makeRoom(this.#held.length + 1, place);
    const isRead = title.operation === "read";
    const [rowGpu, columnGpu] = [this.#gpus.get(row), this.#gpus.get(column)];
    const peer = this.#peerOf(title, row, column);
    const isBandwidth = title.quantity === "bandwidth";
    const what = title.isSum ? "both ways together" : isRead ? "reads" : "writes";
    this.#held.push({
      tool: "p2pBandwidthLatencyTest",
      test: isBandwidth ? (title.isSum ? "Bidirectional" : "Unidirectional") : "Latency",
      label: `P2P=${title.isEnabled ? "Enabled" : "Disabled"}${title.operation === null && !title.isSum ? "" : `, ${what}`}`,
      from: isRead ? columnGpu : rowGpu,
      to: isRead ? rowGpu : columnGpu,
      operation: title.isSum || !title.isEnabled ? "copy" : isRead ? "read" : "write",
      // What goes through memory of the host is written by one GPU and read by the other.
      mover: title.isSum || peer === "off" ? "unknown" : isRead ? "to" : "from",
      direction: title.isSum ? "sum of both" : "one-way",
      opposed: title.isSum,
      flows: title.isSum ? 2 : 1,
      bytesPerSecond: isBandwidth ? value * 1e9 : null,
      latencyNs: isBandwidth ? null : value * 1000,
      sizeBytes: null,
      peer,
      place,
      doubts: [],
    });
  }

  #peerOf({ isEnabled }: Title, row: number, column: number): MeasuredEntry["peer"] {
    if (!isEnabled) return "off";
    const reaches = this.#reaches.get(row * 65536 + column);
    return reaches === undefined ? "unknown" : reaches ? "on" : "off";
  }
}

/** A copy of an old sample: from the GPU of the column to that of the row. */
function turned(entry: MeasuredEntry): MeasuredEntry {
  const { from, to, operation, mover } = entry;
  return {
    ...entry,
    from: to,
    to: from,
    operation: operation === "write" ? "read" : operation,
    mover: mover === "from" ? "to" : mover,
  };
}
