import { makeBdf } from "../pci/bdf.ts";
import type { Collector, LineReader } from "./collector.ts";
import { GpuList, gpuAddress, HOST } from "./devices.ts";
import { type JsonNode, member, numberOf, textOf } from "./json-at.ts";
import { type Line, parseDecimal, wordsOf } from "./lines.ts";
import type { MeasuredDevice, MeasuredEntry, MeasuredOperation, ResultPlace } from "./results.ts";

/** Bytes in a second of the units in the head of a table. `MB/sec` is 2^20 too: only its name was mended in 2024. */
const UNITS: Readonly<Record<string, number>> = { MB: 0x100000, MiB: 0x100000, Gb: 125_000_000 };

/** What is known of a run before its table. */
interface Run {
  /** `ib_write_bw`. */
  test: string;
  operation: MeasuredOperation;
  isBidirectional: boolean;
  device: MeasuredDevice;
  /** Who prints: who asks for the transfers, or who is asked. */
  role: "client" | "server" | "unknown";
  qps: number | null;
  memory: MeasuredDevice;
}

/** A table: what its columns are. */
interface Columns {
  readonly names: readonly string[];
  /** Bytes in a second of one unit; `null` in a table of latency. */
  readonly unit: number | null;
}

const UNNAMED: MeasuredDevice = {
  kind: "unknown",
  why: "the head of the output, which names the device, is not there",
};

function newRun(): Run {
  return {
    test: "perftest",
    operation: "copy",
    isBidirectional: false,
    device: UNNAMED,
    role: "unknown",
    qps: null,
    memory: HOST,
  };
}

/**
 * Reads `ib_write_bw`, `ib_read_bw`, `ib_send_bw` and their `_lat` (linux-rdma/perftest: perftest_parameters.h and .c).
 * `MB/sec`, `MiB/sec` since 2024, is 2^20 bytes in a second, and `Gb/sec` of `--report_gbits` 10^9 bits (`format_factor` in
 * print_report_bw). With `-b` both ways are added (print_full_bw_report). Latencies of writes and sends are half of a round
 * trip, of reads a whole one (`rtt_factor`).
 *
 * The figure is that of the way from memory to memory, the network between included; the ends here are the NIC that printed
 * it and its own memory: a client that writes or sends reads it, a client that reads writes it, a server the other way round.
 */
export class Perftest implements LineReader {
  readonly #out: Collector;
  readonly #gpus: GpuList;
  #run = newRun();
  #columns: Columns | null = null;
  /** A figure was printed: what heads a run begins a new one. */
  #isDone = false;

  constructor(out: Collector) {
    this.#out = out;
    this.#gpus = new GpuList(out);
  }

  take(line: Line): boolean {
    return this.#takeHead(line) || this.#takeSetup(line) || this.#takeMemory(line) || this.#takeTable(line);
  }

  leave(): void {
    this.#columns = null;
    this.#isDone = true;
  }

  /** Begins a new run, where figures of the one before are there. */
  #begin(): void {
    if (!this.#isDone) return;
    this.#run = newRun();
    this.#columns = null;
    this.#isDone = false;
  }

  #takeHead({ text }: Line): boolean {
    const title =
      /^\s*(Send|Send_imm|RDMA_Write|RDMA_Write_imm|RDMA_Read) (Bidirectional )?(?:Post List )?(BW|Latency) (?:Multicast )?Test$/.exec(
        text,
      );
    if (title === null) return false;
    this.#begin();
    this.#out.saw("perftest");
    const verb = (title[1] ?? "").replace(/^RDMA_|_imm$/g, "").toLowerCase();
    this.#run.operation = verb === "read" ? "read" : verb === "send" ? "send" : "write";
    this.#run.isBidirectional = title[2] !== undefined;
    this.#run.test = `ib_${verb}_${title[3] === "BW" ? "bw" : "lat"}`;
    return true;
  }

  #takeSetup({ text }: Line): boolean {
    if (/^\s*\* Waiting for client to connect\.\.\. \*$/.test(text)) {
      this.#begin();
      this.#run.role = "server";
      return true;
    }
    // A client's or server's part without its head begins here; so does what a command prints.
    if (/^\s*local address: /.test(text) || /(?:^|[\s/])ib_(?:write|read|send)_(?:bw|lat)(?:\s|$)/.test(text)) {
      this.#begin();
      return true;
    }
    const device = /^\s*Dual-port\s{1,16}: \w{1,8}\s{1,16}Device\s{1,16}: (\S{1,64})$/.exec(text)?.[1];
    if (device !== undefined) this.#run.device = { kind: "rdma", name: device };
    const qps = /^\s*Number of qps\s{1,16}: (\d{1,8})\b/.exec(text)?.[1];
    if (qps !== undefined) this.#run.qps = Number(qps);
    const isClient = /^\s*TX depth\s{1,16}: \d/.test(text);
    if (isClient && this.#run.role === "unknown") this.#run.role = "client";
    if (/^\s*Use ROCm memory\s{1,8}: ON$/.test(text) && this.#run.memory.kind === "host")
      this.#run.memory = anyGpu("ROCm");
    return device !== undefined || qps !== undefined || isClient;
  }

  #takeMemory({ text }: Line): boolean {
    const inList = /^\s*CUDA device (\d{1,4}): PCIe address is ([0-9A-F]{1,2}):([0-9A-F]{1,2})$/i.exec(text);
    if (inList !== null) {
      this.#begin();
      const [, index = "", bus = "", device = ""] = inList;
      const gpu: MeasuredDevice = { kind: "gpu", index: Number(index), bdf: gpuAddress("0", bus, device), name: null };
      this.#gpus.set(Number(index), gpu);
      return true;
    }
    const picked = /^\s*Picking (?:device No\.|GPU number) (\d{1,4})$/.exec(text)?.[1];
    if (picked !== undefined) {
      this.#begin();
      const { memory } = this.#run;
      const index = Number(picked);
      const listed = memory.kind === "bdf" ? null : this.#gpus.get(index);
      if (listed?.kind === "gpu" && listed.bdf !== null) {
        this.#out.assume("perftest prints no PCI domain of a GPU: 0000 is assumed");
      }
      this.#run.memory =
        memory.kind === "bdf" ? { kind: "gpu", index, bdf: memory.bdf, name: null } : (listed ?? memory);
      return true;
    }
    const byAddress = /^\s*Finding PCIe BUS ([0-9a-f]{1,8}):([0-9a-f]{1,2}):([0-9a-f]{1,2})(?:\.0)?$/i.exec(text);
    if (byAddress !== null) {
      this.#begin();
      const [, domain = "", bus = "", device = ""] = byAddress;
      const bdf = gpuAddress(domain, bus, device);
      if (bdf !== null) this.#run.memory = { kind: "bdf", bdf };
      return true;
    }
    const rocm = /^\s*Using ROCm Device with ID: \d{1,4}, Name: .{1,120}, PCI Bus ID: 0x([0-9a-f]{1,2}),/i.exec(
      text,
    )?.[1];
    if (rocm === undefined) {
      // Releases before the list of devices took the first.
      const isCuda = /^\s*\[pid = \d{1,10}, dev = \d{1,4}\] device name = \[.{0,120}\]$/.test(text);
      if (isCuda && this.#run.memory.kind === "host") this.#run.memory = anyGpu("CUDA");
      return isCuda;
    }
    this.#begin();
    this.#run.memory = { kind: "bdf", bdf: makeBdf(0, Number.parseInt(rocm, 16), 0, 0) };
    this.#out.assume(
      "perftest prints only the bus of a ROCm GPU: PCI domain 0000, device 00 and function 0 are assumed",
    );
    return true;
  }

  #takeTable(line: Line): boolean {
    if (/^\s*#bytes\b/.test(line.text)) return this.#takeColumns(line);
    if (/^\s*#qp\b|^\s*-{20,}$/.test(line.text)) return true;
    if (this.#columns === null) return false;
    const words = wordsOf(line);
    const values = words.map(({ text }) => parseDecimal(text));
    if (values.length < 2 || values.some((value) => value === undefined)) return false;
    const { names, unit } = this.#columns;
    const at = (name: string): number => names.indexOf(name);
    // Pages cut the last columns out of a head; what the first ones are stays true.
    if (values.length < names.length) {
      this.#out.unread(line, `the row has ${values.length} of ${names.length} figures`);
      return true;
    }
    const column =
      unit === null ? at(names.includes("t_typical[usec]") ? "t_typical[usec]" : "t_avg[usec]") : at("BW average");
    const value = values[column];
    const place = words[column]?.place;
    const size = values[at("#bytes")];
    if (value === undefined || place === undefined) return false;
    this.#isDone = true;
    this.#add(unit === null ? { latencyNs: value * 1000 } : { bytesPerSecond: value * unit }, size ?? null, place);
    return true;
  }

  #takeColumns(line: Line): boolean {
    this.#out.saw("perftest");
    const names = [
      ...line.text.matchAll(
        /BW (?:peak|average)|BW Port[12]|MsgRate Port[12]|MsgRate|#\w+|CPU_Util|(?:99|99\.9)% percentile|tps average|t_\w+\[usec\]/g,
      ),
    ].map(([name]) => name);
    const unit = /BW average\[(MB|MiB|Gb)\/sec\]/.exec(line.text)?.[1];
    const isLatency = names.some((name) => name.startsWith("t_"));
    if (unit === undefined && !isLatency) {
      this.#columns = null;
      this.#out.unread(line, "the head of a table of perftest is cut: what its figures are is not known");
    } else this.#columns = { names, unit: unit === undefined ? null : (UNITS[unit] ?? null) };
    return true;
  }

  #add(
    value: { readonly bytesPerSecond: number } | { readonly latencyNs: number },
    size: number | null,
    place: ResultPlace,
  ): void {
    this.#out.add(entryOf(this.#run, value, size, place, this.#out));
  }
}

function anyGpu(api: string): MeasuredDevice {
  return { kind: "unknown", why: `a GPU (${api}): the output does not say which` };
}

function entryOf(
  run: Run,
  value: { readonly bytesPerSecond: number } | { readonly latencyNs: number },
  sizeBytes: number | null,
  place: ResultPlace,
  out: Collector,
): MeasuredEntry {
  const { test, operation, isBidirectional, device, role, qps, memory } = run;
  out.assume(
    "a figure of perftest is that of the whole way from memory to memory: the network and the other host limit it too",
  );
  const isOut = role === "client" ? operation !== "read" : operation === "read";
  const isKnown = role !== "unknown" || isBidirectional;
  const unknown: MeasuredDevice = {
    kind: "unknown",
    why: "the output does not say whether client or server printed it",
  };
  const [from, to] = isOut || isBidirectional ? [memory, device] : [device, memory];
  const isLatency = "latencyNs" in value;
  return {
    tool: "perftest",
    test,
    label: [
      isBidirectional
        ? "both ways together"
        : isLatency
          ? operation === "read"
            ? "round trip"
            : "half of a round trip"
          : "average",
      ...(role === "unknown" ? [] : [`by the ${role}`]),
      ...(qps === null ? [] : [qps === 1 ? "1 queue pair" : `${qps} queue pairs`]),
    ].join(", "),
    from: isKnown ? from : unknown,
    to: isKnown ? to : unknown,
    operation,
    mover: isBidirectional || !isKnown ? "unknown" : isOut ? "to" : "from",
    direction: isBidirectional ? "sum of both" : "one-way",
    opposed: isBidirectional,
    flows: isBidirectional ? 2 : 1,
    bytesPerSecond: isLatency ? null : value.bytesPerSecond,
    latencyNs: isLatency ? value.latencyNs : null,
    sizeBytes,
    peer: memory.kind === "host" ? (device === UNNAMED ? "unknown" : "off") : "on",
    place,
    doubts: [],
  };
}

/**
 * Adds what `--out_json` wrote. It says no unit: the one in which BW_average is MsgSize × MsgRate is taken, as both are
 * printed of one measurement. False where the value is no such document.
 */
export function addPerftestJson(root: JsonNode, placeAt: (at: number) => ResultPlace, out: Collector): boolean {
  const info = member(root, "test_info");
  const results = member(root, "results");
  const title = /^(?:RDMA_)?(Send|Write|Read)(?:_imm)?_(Bidirectional_)?(?:Post_List_)?(BW|Latency)_/.exec(
    textOf(member(info, "test")) ?? "",
  );
  if (title === null || results === undefined) return false;
  out.saw("perftest");
  const verb = (title[1] ?? "").toLowerCase();
  const cuda = numberOf(member(info, "cuda_device"));
  const name = textOf(member(info, "Device"));
  const run: Run = {
    test: `ib_${verb}_${title[3] === "BW" ? "bw" : "lat"}`,
    operation: verb === "read" ? "read" : verb === "send" ? "send" : "write",
    isBidirectional: title[2] !== undefined,
    device: name === undefined ? UNNAMED : { kind: "rdma", name },
    role: member(info, "TX_depth") !== undefined ? "client" : "unknown",
    qps: numberOf(member(info, "Number_of_qps")) ?? null,
    memory:
      cuda !== undefined
        ? new GpuList(out).get(cuda)
        : textOf(member(info, "Use_ROCm_memory")) === "ON"
          ? anyGpu("ROCm")
          : HOST,
  };
  const size = numberOf(member(results, "MsgSize")) ?? null;
  const typical = member(results, "t_typical") ?? member(results, "t_avg");
  const average = member(results, "BW_average");
  const rate = numberOf(member(results, "MsgRate"));
  if (title[3] === "Latency" && numberOf(typical) !== undefined) {
    out.add(entryOf(run, { latencyNs: (numberOf(typical) ?? 0) * 1000 }, size, placeAt(typical?.at ?? root.at), out));
    return true;
  }
  const value = numberOf(average);
  const expected = size === null || rate === undefined ? null : size * rate * 1e6;
  const unit = [0x100000, 125_000_000].find(
    (bytes) => value !== undefined && expected !== null && Math.abs(value * bytes - expected) <= 0.02 * expected,
  );
  if (value === undefined || unit === undefined) {
    out.missing(placeAt(average?.at ?? root.at), "JSON of perftest does not say whether its figures are MiB/s or Gb/s");
  } else out.add(entryOf(run, { bytesPerSecond: value * unit }, size, placeAt(average?.at ?? root.at), out));
  return true;
}
