import type { Collector, LineReader } from "./collector.ts";
import { GpuList, gpuAddress } from "./devices.ts";
import { itemsOf, type JsonNode, member, textOf } from "./json-at.ts";
import { type Line, parseDecimal, placeOf } from "./lines.ts";
import { MAX_COLUMNS, type Matrix, MatrixLines } from "./matrix.ts";
import { addTable, isSquare } from "./nvbandwidth-tests.ts";
import type { ResultPlace } from "./results.ts";

/** `memcpy CE GPU(row) -> GPU(column) bandwidth (GB/s)`: the line above a table. */
const DESCRIPTION = /^\s*((?:memcpy|multicast|memory latency|Device to Device Latency) .{1,100}\((?:GB\/s|ns)\))$/;

/** `0: NVIDIA H100 (00000000:19:00): (host)` of JSON, and what follows `Device` in text; addresses since v0.6. */
const DEVICE = /^(\d{1,4}): (.{1,200}?)(?: \(([0-9a-f]{1,8}):([0-9a-f]{1,2}):([0-9a-f]{1,2})\))?(?:: \(.{1,200}\))?$/i;

/** `Process   0 (node1): device 0: NVIDIA …` of a build for several hosts, in which numbers are those of processes. */
const PROCESS = /^\s*Process\s{1,8}(\d{1,6}) \(([^()]{1,200})\): device (\d{1,4}: .{1,250})$/;

/** The tests that ran in a build for several hosts name their GPUs by process. */
function numbersOf(test: string | null, gpus: GpuList, processes: GpuList): GpuList {
  return test?.startsWith("multinode_") === true ? processes : gpus;
}

function setDevice(text: string, into: GpuList, index?: number): boolean {
  const match = DEVICE.exec(text);
  if (match === null) return false;
  const [, number = "", name = "", domain, bus = "", device = ""] = match;
  const bdf = domain === undefined ? null : gpuAddress(domain, bus, device);
  into.set(index ?? Number(number), { kind: "gpu", index: Number(number), bdf, name });
  return true;
}

/** Reads what nvbandwidth prints as text (output.cpp, inline_common.h; v0.1 to v0.8). */
export class NvbandwidthText implements LineReader {
  readonly #out: Collector;
  readonly #gpus: GpuList;
  readonly #processes: GpuList;
  #firstHost: string | null = null;
  #version: string | null = null;
  #test: string | null = null;
  #open: { readonly description: string; readonly place: ResultPlace; readonly lines: MatrixLines } | null = null;

  constructor(out: Collector) {
    this.#out = out;
    this.#gpus = new GpuList(out);
    this.#processes = new GpuList(out);
  }

  take(line: Line): boolean {
    return this.#takeHead(line) || this.#takeTable(line);
  }

  leave(): void {
    this.#close(null);
    this.#test = null;
  }

  #takeHead(line: Line): boolean {
    const version = /^\s*nvbandwidth Version: v?([\d.]{1,20})/.exec(line.text)?.[1];
    if (version !== undefined) {
      this.leave();
      this.#version = version;
      this.#firstHost = null;
      this.#gpus.clear();
      this.#processes.clear();
      this.#out.saw("nvbandwidth");
      return true;
    }
    const device = /^\s*Device (\d{1,4}: .{1,250})$/.exec(line.text)?.[1];
    if (device !== undefined) return setDevice(device, this.#gpus);
    const process = PROCESS.exec(line.text);
    if (process !== null) return this.#takeProcess(Number(process[1]), process[2] ?? "", process[3] ?? "");
    const running = /^\s*Running (\w{1,100})\.$/.exec(line.text)?.[1];
    if (running !== undefined) {
      this.#close(null);
      this.#test = running;
      this.#out.saw("nvbandwidth");
      return true;
    }
    if (/^\s*(?:Waiving \w{1,100}\.|Waived: ?)$/.test(line.text)) {
      this.#close(null);
      this.#out.saw("nvbandwidth");
      this.#out.leaveOut("tests that nvbandwidth did not run on these GPUs (waived)");
      return true;
    }
    return false;
  }

  #takeProcess(number: number, host: string, device: string): boolean {
    this.#firstHost ??= host;
    if (host === this.#firstHost) return setDevice(device, this.#processes, number);
    this.#processes.set(number, { kind: "unknown", why: `a GPU of another host (process ${number})` });
    return true;
  }

  #takeTable(line: Line): boolean {
    const description = DESCRIPTION.exec(line.text)?.[1];
    if (description !== undefined) {
      this.#close(null);
      this.#out.saw("nvbandwidth");
      this.#open = { description, place: placeOf(line, 0), lines: new MatrixLines(this.#out, null) };
      return true;
    }
    const sum = /^\s*(?:SUM|&&&& PERF) (\w{1,100}) /.exec(line.text)?.[1];
    if (sum !== undefined) {
      this.#close(sum);
      return true;
    }
    if (/^\s*(?:MIN|MAX|AVG) \w{1,100} /.test(line.text) || /^\s*Sample \d{1,6}: /.test(line.text)) return true;
    return this.#open?.lines.take(line) === true;
  }

  /** Ends the table; `sum` is the name that stands behind it, where it does, with the part of it (`…_read1`). */
  #close(sum: string | null): void {
    if (this.#open === null) return;
    const { description, place, lines } = this.#open;
    this.#open = null;
    const test = sum?.replace(/_(?:read1|read2|write1|write2|total)$/, "") ?? this.#test;
    const matrix = lines.end(isSquare(test, description));
    if (matrix === null) {
      this.#out.missing(place, "no table follows this line");
      return;
    }
    const gpus = numbersOf(test, this.#gpus, this.#processes);
    addTable({ test, description, version: this.#version, matrix, place }, gpus, this.#out);
  }
}

/**
 * Adds what `nvbandwidth --json` printed (json_output.cpp), or one object of its `testcases` out of a document that was cut.
 * False where the value is neither. Figures are texts there, and tables of a bidirectional test follow one another in one
 * matrix under the description of the last.
 */
export function addNvbandwidthJson(root: JsonNode, placeAt: (at: number) => ResultPlace, out: Collector): boolean {
  const document = member(root, "nvbandwidth");
  const isOne = textOf(member(root, "name")) !== undefined && member(root, "bandwidth_matrix") !== undefined;
  if (!Array.isArray(member(document, "testcases")?.value) && !isOne) return false;
  out.saw("nvbandwidth");
  const gpus = new GpuList(out);
  const processes = new GpuList(out);
  for (const key of ["GPU Device list", "GPU Device info"]) {
    for (const device of itemsOf(member(document, key))) setDevice(textOf(device) ?? "", gpus);
  }
  const version = /^v?([\d.]+)$/.exec(textOf(member(document, "version")) ?? "")?.[1] ?? null;
  for (const testcase of isOne ? [root] : itemsOf(member(document, "testcases"))) {
    const test = textOf(member(testcase, "name")) ?? null;
    const description = textOf(member(testcase, "bandwidth_description")) ?? "";
    const rows = itemsOf(member(testcase, "bandwidth_matrix"));
    const place = placeAt(testcase.at);
    if (rows.length === 0) {
      out.leaveOut("tests that nvbandwidth did not run on these GPUs (waived)");
      continue;
    }
    const count = itemsOf(rows[0]).length;
    if (count > MAX_COLUMNS || rows.length > 3 * MAX_COLUMNS) {
      out.missing(place, `a table for more than ${MAX_COLUMNS} devices is not read`);
      continue;
    }
    const isThree = count > 0 && rows.length === 3 * count && / Total /.test(description);
    const tables = isThree ? [rows.slice(0, count), rows.slice(count, 2 * count), rows.slice(2 * count)] : [rows];
    tables.forEach((part, index) => {
      const name = isThree && index < 2 ? description.replace(" Total ", ` Read${index + 1} `) : description;
      const matrix = matrixOf(part, count, placeAt, out);
      addTable({ test, description: name, version, matrix, place }, numbersOf(test, gpus, processes), out);
    });
  }
  return true;
}

function matrixOf(
  rows: readonly JsonNode[],
  count: number,
  placeAt: (at: number) => ResultPlace,
  out: Collector,
): Matrix {
  const columns = Array.from({ length: count }, (_, column) => column);
  const whole = rows.flatMap((row, index) => {
    const cells = itemsOf(row).map(({ value, at }) => ({
      value:
        typeof value === "number"
          ? value
          : value === "N/A"
            ? null
            : parseDecimal(typeof value === "string" ? value : ""),
      place: placeAt(at),
    }));
    const known = cells.flatMap(({ value, place }) => (value === undefined ? [] : [{ value, place }]));
    if (known.length === count) return [{ index, cells: known }];
    out.missing(placeAt(row.at), `row ${index} has ${known.length} of ${count} figures`);
    return [];
  });
  return { columns, rows: whole };
}
