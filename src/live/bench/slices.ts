import type { SideName } from "../../measured/bench.ts";

/** One stretch of one side. */
export interface PlannedSlice {
  /** Slices of both sides with one number stand beside each other. */
  readonly index: number;
  readonly side: SideName;
  readonly seconds: number;
}

const MIN_SLICES = 4;
const MAX_SLICES = 240;
const SLICE_SECONDS = 1;

/** Slices per side: of about a second, at least four, and an even number, so that each side is first as often. */
export function slicesPerSide(runtimeSeconds: number): number {
  const wanted = 2 * Math.ceil(runtimeSeconds / SLICE_SECONDS / 2);
  return Math.min(Math.max(wanted, MIN_SLICES), MAX_SLICES);
}

/** The sides in turn, peer DRAM DRAM peer …: a drift that goes on evenly hits both alike. */
export function planSlices(runtimeSeconds: number, sides: readonly SideName[]): readonly PlannedSlice[] {
  const count = slicesPerSide(runtimeSeconds);
  const seconds = runtimeSeconds / count;
  return Array.from({ length: count }, (_, index) =>
    (index % 2 === 0 ? sides : sides.toReversed()).map((side) => ({ index, side, seconds })),
  ).flat();
}
