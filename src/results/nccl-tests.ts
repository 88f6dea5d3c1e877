import type { Collector, LineReader } from "./collector.ts";
import { itemsOf, type JsonNode, member, numberOf, textOf } from "./json-at.ts";
import { type Line, parseDecimal, type Word, wordsOf } from "./lines.ts";
import { NcclRun } from "./nccl-run.ts";
import type { ResultPlace } from "./results.ts";

/**
 * `#  Rank  0 Group  0 Pid  123 on  node1 device  0 [0000:07:00] NVIDIA …`; releases before 2.18 have no group, and older
 * ones print the bus alone, `[0x07]`. Pages that take `#` for a heading lose it.
 */
const RANK =
  /^\s*#?\s{0,8}Rank\s{1,8}\d{1,6} (?:Group\s{1,8}\d{1,9} )?Pid\s{1,10}\d{1,10} on\s{1,10}(\S{1,1024}) device\s{1,8}(\d{1,4}) \[([0-9a-fx:.]{1,20})\] (.{1,200})$/i;

/** `Channel 00/0 : 0[0] -> 1[1] via P2P/IPC`: what NCCL_DEBUG=INFO prints for each connection. */
const CHANNEL =
  /NCCL INFO Channel \S{1,12} ?: \d{1,6}\[\w{1,16}\] -> \d{1,6}\[\w{1,16}\](?: \[\w{1,16}\])? via (P2P|SHM|NET)\b/;

/** The columns behind the sizes, from the first time on. */
const PER_SIDE = /^(?:time|cputime|algbw|busbw|#wrong|error|i_min|i_max|i_p99|i_cv%|timestamp)$/;

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
  #run: NcclRun;
  /** Columns of one table from the first time on; `null` before its head. */
  #columns: readonly string[] | null = null;
  /** A figure was printed: what heads a run begins a new one. */
  #isDone = false;

  constructor(out: Collector) {
    this.#out = out;
    this.#run = new NcclRun(out);
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
    this.#run = new NcclRun(this.#out);
    this.#columns = null;
    this.#isDone = false;
  }

  #takeHead({ text }: Line): boolean {
    const starting = /^\s*#?\s{0,8}Collective test (?:starting|concluded): (\w{1,60})/.exec(text);
    if (starting !== null) {
      if (text.includes("starting")) {
        this.#begin();
        this.#run.test = (starting[1] ?? "").replace(/_mpi$/, "");
      }
      this.#out.saw("nccl-tests");
      return true;
    }
    // The command, where the text holds it: releases before 2026 do not print the test's name.
    const command = /(?:^|[\s/])(\w{2,30}_perf)(?:_mpi)?(?:\s+-|$)/.exec(text)?.[1];
    if (command !== undefined && !text.trimStart().startsWith("#")) {
      this.#begin();
      this.#run.test = command;
      if (/\bNCCL_P2P_DISABLE=1\b/.test(text)) this.#run.transports.add("P2P disabled");
      return true;
    }
    if (/^\s*#?\s{0,8}nThread \d{1,6} nGpus \d{1,6} minBytes \d/.test(text)) {
      this.#begin();
      this.#out.saw("nccl-tests");
      return true;
    }
    const channel = CHANNEL.exec(text)?.[1];
    if (channel !== undefined) this.#run.transports.add(channel);
    return channel !== undefined;
  }

  #takeRank({ text }: Line): boolean {
    const match = RANK.exec(text);
    if (match === null) return false;
    this.#begin();
    this.#out.saw("nccl-tests");
    const [, host = "", index = "", address = "", name = ""] = match;
    this.#run.addRank(host, Number(index), address, name);
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
      this.#isDone = true;
      this.#run.add({
        busbw: value,
        sizeBytes: size,
        isInPlace: nth === 1,
        microseconds: parseDecimal(side[at - 2]?.text ?? ""),
        wrong: columns[at + 1] === "#wrong" ? parseDecimal(side[at + 1]?.text ?? "") : undefined,
        // Behind size, count and type; the last of these where there are any.
        root: front > 3 ? parseDecimal(words[front - 1]?.text ?? "") : undefined,
        place: word.place,
      });
    });
    return true;
  }
}

/**
 * Adds what `--output_file` wrote (util.cu). False where the value is no such document. Whether peers were used is not in it.
 */
export function addNcclJson(root: JsonNode, placeAt: (at: number) => ResultPlace, out: Collector): boolean {
  const results = member(root, "results");
  if (member(root, "nccl_version") === undefined || !Array.isArray(results?.value)) return false;
  out.saw("nccl-tests");
  const run = new NcclRun(out);
  run.test = /([^/]{1,60}_perf)(?:_mpi)?$/.exec(textOf(itemsOf(member(root, "args"))[0]) ?? "")?.[1] ?? null;
  for (const device of itemsOf(member(root, "config", "devices"))) {
    const text = (key: string): string => textOf(member(device, key)) ?? "";
    const index = numberOf(member(device, "device")) ?? 0;
    run.addRank(text("hostname"), index, text("device_hex"), text("device_info"));
  }
  for (const row of itemsOf(results)) {
    for (const key of ["out_of_place", "in_place"]) {
      const side = member(row, key);
      const rate = member(side, "bus_bw");
      const busbw = numberOf(rate);
      const sizeBytes = numberOf(member(row, "size"));
      if (rate === undefined || busbw === undefined || sizeBytes === undefined) continue;
      run.add({
        busbw,
        sizeBytes,
        isInPlace: key === "in_place",
        microseconds: numberOf(member(side, "time")) ?? numberOf(member(side, "cpu_time")),
        wrong: numberOf(member(side, "nwrong")),
        root: parseDecimal((textOf(member(row, "root")) ?? "").trim()),
        place: placeAt(rate.at),
      });
    }
  }
  return true;
}
