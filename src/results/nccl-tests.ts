import type { Collector, LineReader } from "./collector.ts";
import { GpuList, gpuAddress, groupOf } from "./devices.ts";
import { type Line, parseDecimal, type Word, wordsOf } from "./lines.ts";
import type { MeasuredDevice, MeasuredEntry } from "./results.ts";

/**
 * `#  Rank  0 Group  0 Pid  123 on  node1 device  0 [0000:07:00] NVIDIA …`; releases before 2.18 have no group, and older
 * ones print the bus alone, `[0x07]`. Pages that take `#` for a heading lose it.
 */
const RANK =
  /^\s*#?\s{0,8}Rank\s{1,8}(\d{1,6}) (?:Group\s{1,8}(\d{1,9}) )?Pid\s{1,10}\d{1,10} on\s{1,10}(\S{1,1024}) device\s{1,8}(\d{1,4}) \[(?:([0-9a-f]{4,8}):([0-9a-f]{2}):([0-9a-f]{2})(?:\.0)?|0x([0-9a-f]{2}))\] (.{1,200})$/i;

/** `Channel 00/0 : 0[0] -> 1[1] via P2P/IPC`: what NCCL_DEBUG=INFO prints for each connection. */
const CHANNEL =
  /NCCL INFO Channel \S{1,12} ?: \d{1,6}\[\w{1,16}\] -> \d{1,6}\[\w{1,16}\](?: \[\w{1,16}\])? via (P2P|SHM|NET)\b/;

/** The columns behind the sizes, from the first time on. */
const PER_SIDE = /^(?:time|cputime|algbw|busbw|#wrong|error|i_min|i_max|i_p99|i_cv%|timestamp)$/;

interface Rank {
  readonly index: number;
  readonly gpu: MeasuredDevice;
}

/**
 * Reads nccl-tests and rccl-tests (common.cu, util.cu). Both bandwidths are 10^9 bytes in a second (`1.0E9`). `busbw` is the
 * one to hold against a link, one way: it is `algbw` times what makes it independent of the number of ranks (2(n-1)/n for
 * all_reduce, (n-1)/n for all_gather, reduce_scatter and alltoall, 1 for sendrecv, broadcast and reduce; doc/PERFORMANCE.md).
 *
 * Two ranks send to each other, so both ways are busy. Of more ranks, the figure is that of all of them together, which
 * the slowest link among them limits; sendrecv sends from each rank to the next.
 */
export class NcclTests implements LineReader {
  readonly #out: Collector;
  #gpus: GpuList;
  #test: string | null = null;
  #ranks: Rank[] = [];
  #host: string | null = null;
  #transports = new Set<string>();
  /** Columns of one table from the first time on; `null` before its head. */
  #columns: readonly string[] | null = null;
  #isDone = false;
  #kept: readonly [MeasuredDevice, MeasuredDevice] | null = null;

  constructor(out: Collector) {
    this.#out = out;
    this.#gpus = new GpuList(out);
  }

  take(line: Line): boolean {
    return this.#takeHead(line) || this.#takeRank(line) || this.#takeTable(line);
  }

  leave(): void {
    this.#columns = null;
    this.#isDone = true;
  }

  #begin(): void {
    if (!this.#isDone) return;
    this.#gpus = new GpuList(this.#out);
    this.#test = null;
    this.#ranks = [];
    this.#host = null;
    this.#transports = new Set();
    this.#columns = null;
    this.#isDone = false;
    this.#kept = null;
  }

  #takeHead({ text }: Line): boolean {
    const starting = /^\s*#?\s{0,8}Collective test (?:starting|concluded): (\w{1,60})/.exec(text);
    if (starting !== null) {
      if (text.includes("starting")) {
        this.#begin();
        this.#test = (starting[1] ?? "").replace(/_mpi$/, "");
      }
      this.#out.saw("nccl-tests");
      return true;
    }
    // The command, where the text holds it: releases before 2026 do not print the test's name.
    const command = /(?:^|[\s/])(\w{2,30}_perf)(?:_mpi)?(?:\s+-|$)/.exec(text)?.[1];
    if (command !== undefined && !text.trimStart().startsWith("#")) {
      this.#begin();
      this.#test = command;
      if (/\bNCCL_P2P_DISABLE=1\b/.test(text)) this.#transports.add("P2P disabled");
      return true;
    }
    if (/^\s*#?\s{0,8}nThread \d{1,6} nGpus \d{1,6} minBytes \d/.test(text)) {
      this.#begin();
      this.#out.saw("nccl-tests");
      return true;
    }
    const channel = CHANNEL.exec(text)?.[1];
    if (channel !== undefined) this.#transports.add(channel);
    return channel !== undefined;
  }

  #takeRank({ text }: Line): boolean {
    const match = RANK.exec(text);
    if (match === null) return false;
    this.#begin();
    this.#kept = null;
    this.#out.saw("nccl-tests");
    const [, , , host = "", number = "", domain, bus = "", device = "", busAlone, name = ""] = match;
    this.#host ??= host;
    const index = Number(number);
    if (host !== this.#host) {
      this.#ranks.push({
        index: -1,
        gpu: { kind: "unknown", why: `a GPU of another host (rank ${this.#ranks.length})` },
      });
      return true;
    }
    const isBusOnly = domain === undefined && busAlone !== undefined && busAlone !== "00";
    if (isBusOnly) {
      this.#out.assume(
        "nccl-tests prints only the bus of a GPU in this release: PCI domain 0000 and device 00 are assumed",
      );
    }
    const bdf =
      domain !== undefined ? gpuAddress(domain, bus, device) : isBusOnly ? gpuAddress("0", busAlone, "0") : null;
    this.#gpus.set(index, { kind: "gpu", index, bdf, name });
    this.#ranks.push({ index, gpu: { kind: "gpu", index, bdf, name } });
    return true;
  }

  #takeTable(line: Line): boolean {
    const words = wordsOf(line);
    if (words.some(({ text }) => text === "busbw") && words.some(({ text }) => text === "algbw")) {
      const names = words.map(({ text }) => text).filter((text) => text !== "#");
      const start = names.findIndex((name) => PER_SIDE.test(name));
      this.#columns = start < 0 ? null : names.slice(start);
      this.#out.saw("nccl-tests");
      if (this.#columns?.some((name) => !PER_SIDE.test(name)) === true) {
        this.#columns = null;
        this.#out.unread(line, "the head of a table of nccl-tests has columns that are not known");
      }
      return true;
    }
    const wrong = /^\s*#?\s{0,8}Out of bounds values\s{0,4}: (\d{1,12}) (OK|FAILED)/.exec(line.text);
    if (wrong !== null) {
      this.#isDone = true;
      return true;
    }
    if (/^\s*#?\s{0,8}Avg bus bandwidth\s{0,8}: /.test(line.text)) {
      this.#isDone = true;
      return true;
    }
    if (this.#columns === null) return false;
    if (/^\s*#|^\s*\(B\)/.test(line.text)) return /\(GB\/s\)|out-of-place/.test(line.text);
    return this.#takeRow(line, words, this.#columns);
  }

  #takeRow(line: Line, words: readonly Word[], columns: readonly string[]): boolean {
    const size = words[0] === undefined ? undefined : parseDecimal(words[0].text);
    const count = words[1] === undefined ? undefined : parseDecimal(words[1].text);
    if (size === undefined || count === undefined || !Number.isSafeInteger(size)) return false;
    // A timestamp is two words. In front stand size, count and type, and redop and root in some tests and releases.
    const behind = columns.length + (columns.includes("timestamp") ? 1 : 0);
    const front = words.length - behind;
    if (front < 3 || front > 5) {
      this.#out.unread(
        line,
        `the row has ${Math.max(0, words.length - 3)} figures, its table ${columns.length} columns of them`,
      );
      return true;
    }
    const side = words.slice(front);
    const found = columns.flatMap((name, at) => (name === "busbw" ? [at] : []));
    found.forEach((at, nth) => {
      const word = side[at];
      const value = word === undefined ? undefined : parseDecimal(word.text);
      if (word === undefined || value === undefined) {
        this.#out.unread(line, "a bus bandwidth of the row is no figure");
        return;
      }
      const wrong = parseDecimal(side[at + 1]?.text ?? "");
      const time = parseDecimal(side[at - 2]?.text ?? "");
      this.#isDone = true;
      this.#add(value, {
        word,
        size,
        isInPlace: nth === 1,
        time,
        wrong: columns[at + 1] === "#wrong" ? wrong : undefined,
      });
    });
    return true;
  }

  #add(
    value: number,
    row: {
      readonly word: Word;
      readonly size: number;
      readonly isInPlace: boolean;
      readonly time: number | undefined;
      readonly wrong: number | undefined;
    },
  ): void {
    const { word, size, isInPlace, time, wrong } = row;
    const count = this.#ranks.length;
    if (count === 1) {
      this.#out.leaveOut("figures of copies within one device");
      return;
    }
    const [from, to] = this.#ends();
    const operation = this.#test === "sendrecv_perf" ? "send" : "collective";
    this.#out.add({
      tool: "nccl-tests",
      test: this.#test ?? "nccl-tests",
      label: `bus bandwidth, ${isInPlace ? "in-place" : "out-of-place"}`,
      from,
      to,
      operation,
      mover: "unknown",
      direction: "one-way",
      opposed: true,
      flows: count === 0 ? null : count,
      bytesPerSecond: value * 1e9,
      latencyNs: time === undefined ? null : time * 1000,
      sizeBytes: size,
      peer: this.#peer(),
      place: word.place,
      doubts:
        wrong !== undefined && wrong > 0 ? [`${wrong} values were wrong: the data did not arrive as it was sent`] : [],
    });
  }

  /** The two ranks, or all of them at either end; made once for a run. */
  #ends(): readonly [MeasuredDevice, MeasuredDevice] {
    if (this.#kept !== null) return this.#kept;
    const ranks = this.#ranks.map(({ index, gpu }) => (index < 0 ? gpu : this.#gpus.get(index)));
    const [first, second] = ranks;
    const all: MeasuredDevice =
      ranks.length === 0 ? { kind: "unknown", why: "the lines that name the ranks are not there" } : groupOf(ranks);
    this.#kept = ranks.length === 2 && first !== undefined && second !== undefined ? [first, second] : [all, all];
    return this.#kept;
  }

  #peer(): MeasuredEntry["peer"] {
    if (this.#transports.has("P2P disabled")) return "off";
    if (this.#transports.size !== 1) return "unknown";
    return this.#transports.has("P2P") ? "on" : this.#transports.has("SHM") ? "off" : "unknown";
  }
}
