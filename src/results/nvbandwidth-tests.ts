import type { Collector } from "./collector.ts";
import { type GpuList, HOST } from "./devices.ts";
import type { Matrix } from "./matrix.ts";
import type { MeasuredDevice, MeasuredEntry, MeasuredOperation, ResultPlace } from "./results.ts";

/** An end of a copy: the GPU of the row or of the column, all GPUs but that of the column, or memory of the host. */
type End = "row" | "column" | "others" | "host";

/** What a test of nvbandwidth measures. */
interface Meaning {
  readonly from: End;
  readonly to: End;
  readonly operation: MeasuredOperation;
  readonly mover: MeasuredEntry["mover"];
  readonly opposed?: true;
  /** Copies at once; `all` is one for each column. */
  readonly flows: 1 | 2 | "others" | "all" | "all both ways";
}

/**
 * Tests without `multinode_` in front and `_ce` or `_sm` behind (testcase.h and testcases_ce.cpp of v0.1 to v0.8). The
 * arrows of the printed descriptions are not the way of the data: a write is printed as `GPU(row) <- GPU(column)` and goes
 * from row to column; a read, printed as `->`, from column to row. The GPU of the row runs either.
 *
 * Between host and GPU, and with all GPUs at once, one copy is measured; what runs beside it is load.
 */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  host_to_device_memcpy: { from: "host", to: "column", operation: "copy", mover: "to", flows: 1 },
  device_to_host_memcpy: { from: "column", to: "host", operation: "copy", mover: "from", flows: 1 },
  host_to_device_bidirectional_memcpy: {
    from: "host",
    to: "column",
    operation: "copy",
    mover: "to",
    opposed: true,
    flows: 2,
  },
  device_to_host_bidirectional_memcpy: {
    from: "column",
    to: "host",
    operation: "copy",
    mover: "from",
    opposed: true,
    flows: 2,
  },
  device_to_device_memcpy_read: { from: "column", to: "row", operation: "read", mover: "to", flows: 1 },
  device_to_device_memcpy_write: { from: "row", to: "column", operation: "write", mover: "from", flows: 1 },
  device_to_device_bidirectional_memcpy_read: {
    from: "column",
    to: "row",
    operation: "read",
    mover: "to",
    opposed: true,
    flows: 2,
  },
  device_to_device_bidirectional_memcpy_write: {
    from: "row",
    to: "column",
    operation: "write",
    mover: "from",
    opposed: true,
    flows: 2,
  },
  all_to_host_memcpy: { from: "column", to: "host", operation: "copy", mover: "from", flows: "all" },
  host_to_all_memcpy: { from: "host", to: "column", operation: "copy", mover: "to", flows: "all" },
  all_to_host_bidirectional_memcpy: {
    from: "column",
    to: "host",
    operation: "copy",
    mover: "from",
    opposed: true,
    flows: "all both ways",
  },
  host_to_all_bidirectional_memcpy: {
    from: "host",
    to: "column",
    operation: "copy",
    mover: "to",
    opposed: true,
    flows: "all both ways",
  },
  all_to_one_write: { from: "others", to: "column", operation: "write", mover: "from", flows: "others" },
  all_to_one_read: { from: "column", to: "others", operation: "read", mover: "to", flows: "others" },
  one_to_all_write: { from: "column", to: "others", operation: "write", mover: "from", flows: "others" },
  one_to_all_read: { from: "others", to: "column", operation: "read", mover: "to", flows: "others" },
  // Pointers are chased by the GPU of the column, and of the row (testcases_sm.cpp).
  host_device_latency: { from: "host", to: "column", operation: "read", mover: "to", flows: 1 },
  device_to_device_latency: { from: "column", to: "row", operation: "read", mover: "to", flows: 1 },
};

/** One table of nvbandwidth: of a JSON document, or of a text. */
export interface NvbandwidthTable {
  /** `device_to_device_memcpy_read_ce`; `null` where neither the line before nor the one behind the table is there. */
  readonly test: string | null;
  /** `memcpy CE GPU(row) -> GPU(column) bandwidth (GB/s)`. */
  readonly description: string;
  /** `0.8`, where it is known. */
  readonly version: string | null;
  readonly matrix: Matrix;
  readonly place: ResultPlace;
}

/** True for tests with a row for each column. */
export function isSquare(test: string | null, description: string): boolean {
  return test === null
    ? /^(?:memcpy|Device to Device).*GPU\(row\) <->/.test(description)
    : /device_to_device/.test(test);
}

/**
 * The test that a description alone can only belong to: a table with a row for each GPU is one of pairs, and the arrow says
 * whether they were read or written.
 */
function testByDescription(description: string, rows: number): string | null {
  const engine = / (CE|SM) /.exec(description)?.[1]?.toLowerCase() ?? "ce";
  if (/^memory latency/.test(description)) return "host_device_latency_sm";
  if (/^Device to Device Latency/.test(description)) return "device_to_device_latency_sm";
  const kind = /<-> .*(Read|Write)[12] /.exec(description)?.[1]?.toLowerCase();
  if (kind !== undefined) return `device_to_device_bidirectional_memcpy_${kind}_${engine}`;
  if (rows < 2) return null;
  if (/GPU\(row\) -> GPU\(column\)/.test(description)) return `device_to_device_memcpy_read_${engine}`;
  return /GPU\(row\) <- GPU\(column\)/.test(description) ? `device_to_device_memcpy_write_${engine}` : null;
}

/**
 * Adds the figures of a table. GB/s are 10^9 bytes in a second (memcpy.cpp: `* 1e-9`), latencies nanoseconds. Of a
 * bidirectional test between GPUs there are three tables since v0.6: both ways apart, and `Total`, their sum; before, copy
 * engines showed one way under load of the other, and kernels the sum.
 */
export function addTable(table: NvbandwidthTable, gpus: GpuList, out: Collector): void {
  const { matrix, description, place } = table;
  const test = table.test ?? testByDescription(description, matrix.rows.length);
  const figures = matrix.rows.reduce((sum, { cells }) => sum + cells.filter(({ value }) => value !== null).length, 0);
  if (test === null) {
    if (figures > 0) {
      out.missing(
        place,
        `the line with the name of the test (Running …, or SUM …) is not there: ${figures} figures of "${description}" cannot be told apart`,
      );
    }
    return;
  }
  const engine = /_sm$/.test(test) ? "sm" : "ce";
  const kind = test.replace(/^multinode_/, "").replace(/_(?:ce|sm)$/, "");
  const meaning = MEANINGS[kind];
  if (meaning === undefined) {
    out.leaveOut(
      kind === "device_local_copy"
        ? "figures of copies within one device"
        : `figures of ${test}, which is not about two devices`,
      figures,
    );
    return;
  }
  const part = partOf(kind, description, engine, meaning);
  const isLatency = / \(ns\)$/.test(description);
  for (const row of matrix.rows) {
    row.cells.forEach((cell, at) => {
      const column = matrix.columns[at] ?? at;
      const isPair = meaning.from === "row" || meaning.to === "row";
      if (isPair && column === row.index) {
        if (cell.value !== null && cell.value !== 0) out.leaveOut("figures of copies within one device");
        return;
      }
      if (cell.value === null) {
        out.leaveOut("pairs for which the tool printed N/A");
        return;
      }
      const deviceOf = (end: End): MeasuredDevice =>
        end === "host"
          ? HOST
          : end === "others"
            ? gpus.others(matrix.columns, column)
            : gpus.get(end === "row" ? row.index : column);
      out.add({
        tool: "nvbandwidth",
        test,
        label: part.label,
        from: deviceOf(part.from),
        to: deviceOf(part.to),
        operation: meaning.operation,
        mover: moverOf(meaning, kind, engine),
        direction: part.isSum ? "sum of both" : "one-way",
        opposed: meaning.opposed === true,
        flows: flowsOf(meaning, matrix.columns.length),
        bytesPerSecond: isLatency ? null : cell.value * 1e9,
        latencyNs: isLatency ? cell.value : null,
        sizeBytes: null,
        // Copies between GPUs run only where cuDeviceCanAccessPeer says yes; the others are N/A.
        peer: meaning.from === "host" || meaning.to === "host" ? "off" : "on",
        place: cell.place,
        doubts: doubtsOf(kind, engine, table.version),
      });
    });
  }
}

interface Part {
  readonly from: End;
  readonly to: End;
  readonly isSum: boolean;
  readonly label: string;
}

function partOf(kind: string, description: string, engine: string, { from, to, opposed, flows }: Meaning): Part {
  if (flows === "others") return { from, to, isSum: false, label: "one way, all together" };
  if (flows === "all") return { from, to, isSum: false, label: "one way, under load of all others" };
  if (flows === "all both ways")
    return { from, to, isSum: false, label: "one way, under load of all others both ways" };
  if (!kind.startsWith("device_to_device_bidirectional")) {
    return { from, to, isSum: false, label: opposed === true ? "one way, under load of the other" : "one way" };
  }
  const name = /(?:(?:Read|Write)([12])|(Total)) bandwidth/.exec(description);
  // What flows is the same for reads and writes: first into the GPU of the row, then out of it.
  if (name?.[1] === "1") return { from: "column", to: "row", isSum: false, label: "one way, under load of the other" };
  if (name?.[1] === "2") return { from: "row", to: "column", isSum: false, label: "one way, under load of the other" };
  const isSum = name !== null || engine === "sm";
  return { from, to, isSum, label: isSum ? "both ways together" : "one way, under load of the other" };
}

/** Kernels of the tests with many GPUs run on the source, reads too (testcases_sm.cpp: PREFER_SRC_CONTEXT). */
function moverOf({ mover }: Meaning, kind: string, engine: string): MeasuredEntry["mover"] {
  return engine === "sm" && /^(?:all_to_one|one_to_all)_read$/.test(kind) ? "from" : mover;
}

function flowsOf({ flows }: Meaning, columns: number): number {
  if (flows === "others") return Math.max(1, columns - 1);
  return flows === "all" ? columns : flows === "all both ways" ? 2 * columns : flows;
}

function doubtsOf(kind: string, engine: string, version: string | null): readonly string[] {
  const [major = 1, minor = 0] = (version ?? "1.0").split(".").map(Number);
  if (kind === "device_to_device_latency" && major === 0 && minor < 8) {
    return [`nvbandwidth ${version} printed the latency between host and GPU here (its changelog for 0.8)`];
  }
  const isHalved = version === null || major > 0 || minor >= 7;
  if (/^(?:host_to_device|device_to_host)_bidirectional/.test(kind) && engine === "sm" && isHalved) {
    return ["half of what both ways came to together: nvbandwidth does not measure them apart here"];
  }
  return [];
}
