import type { BusAddr, PhysAddr } from "./addresses.ts";
import { type Known, type Unknown, unknown } from "./known.ts";

/** One base address register (or Enhanced Allocation entry) that a function implements. */
export interface Bar {
  /** 0 to 5, or 6 for the expansion ROM. */
  readonly index: number;
  readonly kind: "memory" | "io";
  readonly is64Bit: boolean;
  readonly prefetchable: boolean;
  /** What the register holds; `null` when it holds no address (unassigned). */
  readonly busAddress: Known<BusAddr | null>;
  /** What the CPU uses for it; `null` when unassigned. */
  readonly physAddress: Known<PhysAddr | null>;
  readonly sizeBytes: Known<number>;
  readonly fromEnhancedAllocation: boolean;
}

/** The address of a BAR that has one now, after a move. */
export const ADDRESS_GIVEN_ANEW: Unknown = unknown("addresses are given anew after a move");
