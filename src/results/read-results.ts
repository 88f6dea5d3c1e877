import { PeerlaneError } from "../pci/error.ts";
import { addBenchJson, BenchText } from "./bench.ts";
import { Collector, type LineReader } from "./collector.ts";
import { FioText } from "./fio.ts";
import { addFioJson } from "./fio-json.ts";
import { type JsonNode, JsonScanner } from "./json-at.ts";
import { type Line, linesOf, MAX_LINE, placeOf, wordsOf } from "./lines.ts";
import { addNcclJson, NcclTests } from "./nccl-tests.ts";
import { addNvbandwidthJson, NvbandwidthText } from "./nvbandwidth.ts";
import { P2pTest } from "./p2p-test.ts";
import { addPerftestJson, Perftest } from "./perftest.ts";
import type { MeasuredResults, ResultPlace } from "./results.ts";

/** A rate or a time with its unit. */
const QUANTITY = /\d\s?(?:[KMGT]i?B|[KMG]bits?|[KMG]b)(?:\/s(?:ec)?|ps)\b|\d\s?(?:usec|us|ns|µs)\b/i;

/** Tools whose output is read, as a sentence has them. */
const TOOLS = "nvbandwidth, p2pBandwidthLatencyTest, perftest (ib_write_bw …), nccl-tests, fio, peerlane bench";

/**
 * Reads what measuring tools printed: nvbandwidth, p2pBandwidthLatencyTest, perftest, nccl-tests, fio and `peerlane bench`,
 * each as text and, where the tool has it, JSON. The tool is recognised by its lines; several may follow one another, with
 * prompts, other lines and marks of loggers around them. What looks like a result and is not understood is in `unread`, of a
 * table with holes what is whole is read. `file` is the name of the text for messages.
 *
 * Time and memory are linear in the text. Throws `too-large` beyond 16 Mi characters, a million lines or 250,000 figures, and
 * `bad-input` where the output of none of the tools is in the text.
 */
export function readResults(text: string, file = "-"): MeasuredResults {
  const lines = linesOf(text, file);
  const out = new Collector(file);
  const readers: readonly LineReader[] = [
    new NvbandwidthText(out),
    new P2pTest(out),
    new Perftest(out),
    new NcclTests(out),
    new FioText(out),
    new BenchText(out),
  ];
  const documents = new Documents(lines, out);
  let current: LineReader | null = null;
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index];
    if (line === undefined) break;
    const last = documents.take(index);
    if (last !== null) {
      for (const reader of readers) reader.leave();
      current = null;
      index = last;
      continue;
    }
    const short = line.text.length > MAX_LINE ? { ...line, text: line.text.slice(0, MAX_LINE) } : line;
    const taker: LineReader | null = takerOf(short, current, readers);
    if (taker === null) {
      if (/^\d;fio-\d/.test(short.text)) out.unread(line, "fio's terse form is not read: take --output-format=json");
      else if (looksLikeResult(short)) out.unread(line, "no reader knows it");
    } else if (taker !== current) {
      current?.leave();
      current = taker;
    }
  }
  for (const reader of readers) reader.leave();
  if (out.tools.size === 0) {
    const [first] = out.results().unread.lines;
    throw new PeerlaneError("bad-input", "this is the output of no measuring tool that is known", {
      place: { file, ...(first?.place ?? {}) },
      remedy: `give what one of these printed: ${TOOLS}`,
    });
  }
  return out.results();
}

/** The tool whose lines came last is asked first: rows of numbers are alike. */
function takerOf(line: Line, current: LineReader | null, readers: readonly LineReader[]): LineReader | null {
  if (line.text.trim() === "") return null;
  if (current?.take(line) === true) return current;
  return readers.find((reader) => reader !== current && reader.take(line)) ?? null;
}

/** A quantity with a unit, or a row of three figures of which one has a fraction. */
function looksLikeResult(line: Line): boolean {
  if (line.text.length >= MAX_LINE) return false;
  if (QUANTITY.test(line.text)) return true;
  const words = wordsOf(line);
  const figures = words.filter(({ text }) => /^\d{1,15}(?:\.\d{1,9})?$/.test(text));
  return figures.length >= 3 && figures.length * 2 > words.length && figures.some(({ text }) => text.includes("."));
}

/** Finds JSON among the lines, and gives it to the reader that knows its shape. */
class Documents {
  readonly #lines: readonly Line[];
  readonly #out: Collector;
  /** Where each line begins in {@link #text}. */
  readonly #starts: readonly number[];
  readonly #scanner: JsonScanner;
  /** What begins before this offset was part of JSON that is cut, and is not told again. */
  #toldUntil = 0;

  constructor(lines: readonly Line[], out: Collector) {
    this.#lines = lines;
    this.#out = out;
    let start = 0;
    this.#starts = lines.map(({ text }) => {
      const at = start;
      start += text.length + 1;
      return at;
    });
    this.#scanner = new JsonScanner(lines.map(({ text }) => text).join("\n"));
  }

  /** The last line of the JSON that begins in a line; `null` where none does that holds results. */
  take(index: number): number | null {
    const line = this.#lines[index];
    const offset = line?.text.search(/\S/) ?? -1;
    const first = line?.text[offset];
    if (line === undefined || (first !== "{" && first !== "[")) return null;
    const start = (this.#starts[index] ?? 0) + offset;
    const found = this.#scanner.scan(start);
    if ("brokenAt" in found) {
      const isObject = /^\s*\{\s*(?:"|$)/.test(line.text) && start >= this.#toldUntil;
      const end = this.#lineAt(found.brokenAt);
      if (isObject && (end > index || line.text.includes('"'))) {
        this.#out.unread(line, `JSON that is cut or broken at line ${this.#lines[end]?.number ?? line.number}`);
        this.#toldUntil = found.brokenAt;
      }
      return null;
    }
    const isRead = this.#add(found.node);
    const last = this.#lineAt(found.end - 1);
    if (isRead) return last;
    // A list in brackets is a mark of some logger, and an object a part of something that was cut, or of no concern.
    if (first === "[" || start < this.#toldUntil) return null;
    this.#out.unread(line, "JSON of no tool that is known");
    return last;
  }

  #add(node: JsonNode): boolean {
    const placeAt = (at: number): ResultPlace => {
      const index = this.#lineAt(at);
      const line = this.#lines[index];
      return line === undefined ? { line: 1, column: 1 } : placeOf(line, at - (this.#starts[index] ?? 0));
    };
    return [addNvbandwidthJson, addFioJson, addPerftestJson, addNcclJson, addBenchJson].some((add) =>
      add(node, placeAt, this.#out),
    );
  }

  /** The line of an offset. */
  #lineAt(offset: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
