import { parseBdf } from "../pci/bdf.ts";
import { parseSize } from "../pci/size.ts";
import type { Collector, LineReader } from "./collector.ts";
import { groupOf, HOST } from "./devices.ts";
import { itemsOf, type JsonNode, member, numberOf, textOf } from "./json-at.ts";
import { type Line, placeOf } from "./lines.ts";
import type { MeasuredDevice, MeasuredEntry, MeasuredOperation, ResultPlace } from "./results.ts";

/** One way of one side of a bench. */
interface Figure {
  readonly rw: string;
  readonly side: "peer" | "dram";
  readonly operation: MeasuredOperation;
  readonly bytesPerSecond: number;
  readonly latencyNs: number | null;
  readonly place: ResultPlace;
}

interface Ends {
  /** The disk. */
  readonly target: MeasuredDevice;
  /** Whose memory is used on the peer side. */
  readonly provider: MeasuredDevice;
  readonly blockBytes: number | null;
}

function entryOf(figure: Figure, { target, provider, blockBytes }: Ends): MeasuredEntry {
  const { rw, side, operation, bytesPerSecond, latencyNs, place } = figure;
  const memory = side === "peer" ? provider : HOST;
  const isMixed = rw === "rw" || rw === "randrw";
  const ends =
    operation === "read"
      ? ({ from: target, to: memory, mover: "from" } as const)
      : operation === "write"
        ? ({ from: memory, to: target, mover: "to" } as const)
        : ({ from: target, to: memory, mover: "unknown" } as const);
  return {
    tool: "peerlane bench",
    test: rw,
    label: side === "peer" ? "through peer memory" : "through DRAM",
    ...ends,
    operation,
    direction: operation === "copy" ? "sum of both" : "one-way",
    opposed: isMixed,
    flows: isMixed ? 2 : 1,
    bytesPerSecond,
    latencyNs,
    sizeBytes: blockBytes,
    peer: side === "peer" ? "on" : "off",
    place,
    doubts: [],
  };
}

/** Reads and writes are told apart by the last word of fio's kinds; a mixed one is the sum of both. */
function operationOf(rw: string): MeasuredOperation {
  return rw === "read" || rw === "randread" ? "read" : rw === "write" || rw === "randwrite" ? "write" : "copy";
}

function partyOf(node: JsonNode | undefined): MeasuredDevice {
  const bdf = parseBdf(textOf(member(node, "bdf")) ?? "");
  return bdf === undefined ? { kind: "unknown", why: "the document has no address of it" } : { kind: "bdf", bdf };
}

/** Adds what `peerlane bench --json` printed (`peerlane.bench/1`). False where the value is no such document. */
export function addBenchJson(root: JsonNode, placeAt: (at: number) => ResultPlace, out: Collector): boolean {
  if (textOf(member(root, "schema")) !== "peerlane.bench/1") return false;
  out.saw("peerlane bench");
  const rw = textOf(member(root, "job", "rw")) ?? "read";
  const functions = itemsOf(member(root, "target", "functions")).map(partyOf);
  const name = textOf(member(root, "target", "name")) ?? "";
  const ends: Ends = {
    target: functions.length === 0 ? { kind: "block", name } : groupOf(functions),
    provider: partyOf(member(root, "path", "provider")),
    blockBytes: numberOf(member(root, "job", "bs")) ?? null,
  };
  for (const side of ["peer", "dram"] as const) {
    const figures = member(root, "sides", side);
    // Of a mixed job, reads and writes stand apart beside their sum.
    const parts = (["read", "write"] as const).filter((part) => member(figures, part, "bytesPerSecond") !== undefined);
    for (const part of parts.length > 0 ? parts : (["all"] as const)) {
      const rate = member(figures, part, "bytesPerSecond");
      const bytesPerSecond = numberOf(rate);
      if (rate === undefined || bytesPerSecond === undefined) continue;
      const operation = part === "all" ? operationOf(rw) : part;
      const latencyNs = numberOf(member(figures, part, "latencyNs", "mean")) ?? null;
      out.add(entryOf({ rw, side, operation, bytesPerSecond, latencyNs, place: placeAt(rate.at) }, ends));
    }
  }
  return true;
}

/** Characters of the wrapped line of a path. */
const MAX_PATH = 800;

/** `33.9 MiB/s`: a rate as the table has it, and the rest behind it. */
const RATE = /(\d{1,7}(?:\.\d)?) (B|KiB|MiB|GiB|TiB|PiB)\/s/g;

const LATENCY = /(\d{1,7}(?:\.\d{1,2})?) (ns|µs|ms|s)(?=\s{2}|$)/g;

const NS: Readonly<Record<string, number>> = { ns: 1, µs: 1000, ms: 1e6, s: 1e9 };

/**
 * Reads the screen of `peerlane bench`: the line of the job, those of the path (which the terminal wraps), and the rows of
 * throughput and mean latency below the names of the sides. Rates are binary, rounded as printed; `--json` has them whole.
 */
export class BenchText implements LineReader {
  readonly #out: Collector;
  #rw: string | null = null;
  #name = "";
  #blockBytes: number | null = null;
  /** The line of the path, as far as it has come. */
  #path: string | null = null;
  #sides: readonly ("peer" | "dram")[] = [];
  #figures: Figure[] = [];

  constructor(out: Collector) {
    this.#out = out;
  }

  take(line: Line): boolean {
    return this.#takeHead(line) || this.#takeRow(line);
  }

  leave(): void {
    this.#flush();
    this.#rw = null;
    this.#path = null;
    this.#sides = [];
  }

  #takeHead({ text }: Line): boolean {
    const job =
      /^\s*(?:[*-] )?(\S{1,64}): (read|write|randread|randwrite|rw|randrw)(?: \(\d{1,3}(?:\.\d{1,6})? % reads\))?, blocks of (\S{1,10} (?:B|KiB|MiB|GiB)), depth \d{1,4},/.exec(
        text,
      );
    if (job !== null) {
      this.leave();
      [, this.#name = "", this.#rw = null] = job;
      this.#blockBytes = sizeOf(job[3] ?? "");
      this.#out.saw("peerlane bench");
      return true;
    }
    if (this.#rw === null) return false;
    if (/^\s*(?:[*-] )?peer: .{1,200}/.test(text)) this.#path = text;
    else if (this.#path !== null && this.#path.length < MAX_PATH && this.#sides.length === 0)
      this.#path += ` ${text.trim()}`;
    const sides = /^\s*(peer)?\s*(DRAM)?(?:\s+peer \/ DRAM)?$/.exec(text);
    if (sides !== null && (sides[1] !== undefined || sides[2] !== undefined)) {
      this.#sides = [
        ...(sides[1] === undefined ? [] : ["peer" as const]),
        ...(sides[2] === undefined ? [] : ["dram" as const]),
      ];
      return true;
    }
    return this.#path !== null && this.#sides.length === 0;
  }

  #takeRow(line: Line): boolean {
    if (this.#rw === null || this.#sides.length === 0) return false;
    const row = /^\s*(?:(read|write) )?(throughput|latency mean)\s{2}/.exec(line.text);
    if (row === null) {
      return /^\s*(?:(?:read |write )?(?:IOPS|latency \w{1,5}(?:\.\d)?)|CPU \w{1,8}(?: GiB)?|DRAM \w{1,8}|errors)\s{2}/.test(
        line.text,
      );
    }
    const rw = this.#rw;
    const operation = row[1] === "read" || row[1] === "write" ? row[1] : operationOf(rw);
    const cells = [...line.text.slice(row[0].length - 2).matchAll(row[2] === "throughput" ? RATE : LATENCY)];
    this.#sides.forEach((side, at) => {
      const cell = cells[at];
      if (cell === undefined) {
        this.#out.unread(line, `the row has no figure for ${side === "peer" ? "peer" : "DRAM"}`);
        return;
      }
      const value = Number(cell[1]);
      if (row[2] === "throughput") {
        const unit = { B: 0, KiB: 1, MiB: 2, GiB: 3, TiB: 4, PiB: 5 }[cell[2] ?? ""] ?? 0;
        const place = placeOf(line, row[0].length - 2 + cell.index);
        this.#figures.push({ rw, side, operation, bytesPerSecond: value * 1024 ** unit, latencyNs: null, place });
        return;
      }
      const index = this.#figures.findIndex((figure) => figure.side === side && figure.operation === operation);
      const figure = this.#figures[index];
      if (figure !== undefined) this.#figures[index] = { ...figure, latencyNs: value * (NS[cell[2] ?? ""] ?? 1) };
    });
    return true;
  }

  #flush(): void {
    const path = (this.#path ?? "").slice(0, MAX_PATH);
    const [client, provider] = [...path.matchAll(/[( ]([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\b/g)].map(
      ([, address]) => parseBdf(address ?? ""),
    );
    // Of a mixed job the sum stands above its parts.
    const isMixed = this.#figures.some(({ operation }) => operation !== "copy");
    for (const figure of this.#figures) {
      if (figure.operation === "copy" && isMixed) continue;
      const ends: Ends = {
        target: client === undefined ? { kind: "block", name: this.#name } : { kind: "bdf", bdf: client },
        provider:
          provider === undefined
            ? { kind: "unknown", why: "the lines of the path are not there" }
            : { kind: "bdf", bdf: provider },
        blockBytes: this.#blockBytes,
      };
      this.#out.add(entryOf(figure, ends));
    }
    this.#figures = [];
  }
}

/** `64 KiB` in bytes; `null` where it was printed with a fraction. */
function sizeOf(text: string): number | null {
  return parseSize(text) ?? null;
}
