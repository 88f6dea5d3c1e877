import type { MatrixDevice } from "../../engine/protocol.ts";
import type { Arranged } from "./arranged.ts";

/** Where the cells of a matrix are, in pixels of the page. */
export interface Geometry {
  /** The side of a cell. */
  readonly cell: number;
  /** Room for names. */
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** Left sides of columns and upper sides of rows, by their position in the order. */
  readonly xs: Float32Array;
  readonly ys: Float32Array;
  readonly hasNames: boolean;
}

const LEAST_CELL = 4;
const MOST_CELL = 26;
const GAP = 5;
/** Cells below this size have no room for names beside them. */
const NAMED = 11;
export const NAME_FONT = 11;
const NAME_ROOM = { least: 40, most: 120 };

/** Lays a matrix out in `room` pixels; of many devices it gets wider than that, and is moved. */
export function geometryOf(
  { rows, columns, rowGaps, columnGaps }: Arranged,
  providers: readonly MatrixDevice[],
  clients: readonly MatrixDevice[],
  room: number,
): Geometry {
  const names = (devices: readonly MatrixDevice[]): number =>
    Math.min(
      Math.max(...devices.map(({ name }) => name.length * NAME_FONT * 0.62 + 10), NAME_ROOM.least),
      NAME_ROOM.most,
    );
  const wanted = (room - names(providers) - columnGaps.size * GAP) / Math.max(columns.length, 1);
  const cell = Math.floor(Math.min(Math.max(wanted, LEAST_CELL), MOST_CELL));
  const hasNames = cell >= NAMED;
  const [left, top] = hasNames ? [names(providers), names(clients)] : [14, 14];
  const xs = sidesOf(columns.length, columnGaps, left, cell);
  const ys = sidesOf(rows.length, rowGaps, top, cell);
  return {
    ...{ cell, left, top, xs, ys, hasNames },
    width: (xs.at(-1) ?? left) + cell + 1,
    height: (ys.at(-1) ?? top) + cell + 1,
  };
}

function sidesOf(count: number, gaps: ReadonlySet<number>, start: number, cell: number): Float32Array {
  const sides = new Float32Array(count);
  let side = start;
  for (let k = 0; k < count; k++) {
    if (gaps.has(k)) side += GAP;
    sides[k] = side;
    side += cell;
  }
  return sides;
}

/** The row and column at a point; `null` outside of the cells. */
export function cellAt(
  { xs, ys, cell }: Geometry,
  x: number,
  y: number,
): readonly [row: number, column: number] | null {
  const row = lineAt(ys, cell, y);
  const column = lineAt(xs, cell, x);
  return row < 0 || column < 0 ? null : [row, column];
}

/** The last line that begins at or before a place, if the place is within it; else -1. */
function lineAt(sides: Float32Array, cell: number, place: number): number {
  let [low, high] = [0, sides.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sides[middle] ?? 0) <= place) low = middle + 1;
    else high = middle;
  }
  return low > 0 && place < (sides[low - 1] ?? 0) + cell ? low - 1 : -1;
}
