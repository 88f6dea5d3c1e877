import { type MatrixDevice, type MatrixView, VERDICT_CODES } from "../../engine/protocol.ts";
import type { Order } from "../../state/location.ts";

/** Rows and columns of a matrix in an order, as positions among its providers and clients. */
export interface Arranged {
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  /** Rows and columns before which a gap is, as another group begins there: by position in the order. */
  readonly rowGaps: ReadonlySet<number>;
  readonly columnGaps: ReadonlySet<number>;
}

const KINDS: readonly string[] = ["gpu", "accel", "nic", "nvme", "other", "bridge"];

/** Puts the devices of a matrix into an order; groups of places or kinds are set apart. */
export function arranged(matrix: MatrixView, order: Order): Arranged {
  const rows = positions(matrix.providers, order, (at) => works(matrix, at, "row"));
  const columns = positions(matrix.clients, order, (at) => works(matrix, at, "column"));
  return {
    rows,
    columns,
    rowGaps: gapsOf(rows, matrix.providers, order),
    columnGaps: gapsOf(columns, matrix.clients, order),
  };
}

function positions(devices: readonly MatrixDevice[], order: Order, count: (at: number) => number): Int32Array {
  const sorted = devices.map((_, at) => at);
  const kind = (at: number): number => KINDS.indexOf(devices[at]?.kind ?? "other");
  const place = (at: number): number => devices[at]?.place ?? 0;
  switch (order) {
    case "place":
      sorted.sort((a, b) => place(a) - place(b) || kind(a) - kind(b) || a - b);
      break;
    case "kind":
      sorted.sort((a, b) => kind(a) - kind(b) || a - b);
      break;
    case "name": {
      const names = new Intl.Collator("en", { numeric: true });
      sorted.sort((a, b) => names.compare(devices[a]?.name ?? "", devices[b]?.name ?? "") || a - b);
      break;
    }
    case "verdict": {
      const counts = devices.map((_, at) => count(at));
      sorted.sort((a, b) => (counts[b] ?? 0) - (counts[a] ?? 0) || a - b);
    }
  }
  return Int32Array.from(sorted);
}

/** How many pairs of a row or a column are direct, and how many go through the host bridge, which counts for less. */
function works({ providers, clients, verdicts }: MatrixView, at: number, line: "row" | "column"): number {
  const [direct, host] = [VERDICT_CODES.indexOf("bus-addr"), VERDICT_CODES.indexOf("thru-host-bridge")];
  const [length, start, step] =
    line === "row" ? [clients.length, at * clients.length, 1] : [providers.length, at, clients.length];
  let sum = 0;
  for (let k = 0; k < length; k++) {
    const verdict = verdicts[start + k * step];
    sum += verdict === direct ? 10_000 : verdict === host ? 1 : 0;
  }
  return sum;
}

function gapsOf(sorted: Int32Array, devices: readonly MatrixDevice[], order: Order): ReadonlySet<number> {
  if (order !== "place" && order !== "kind") return new Set();
  const gaps = new Set<number>();
  for (let k = 1; k < sorted.length; k++) {
    const [before, here] = [devices[sorted[k - 1] ?? 0], devices[sorted[k] ?? 0]];
    if (order === "place" ? before?.place !== here?.place : before?.kind !== here?.kind) gaps.add(k);
  }
  return gaps;
}
