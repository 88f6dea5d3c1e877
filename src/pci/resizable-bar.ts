import type { Known } from "./known.ts";

/** One entry of the Resizable BAR capability (PCIe 6.0 sec 7.8.6). Sizes in bytes. */
export interface ResizableBar {
  readonly barIndex: number;
  readonly currentBytes: Known<number>;
  /** Ascending; empty when the source lists none. */
  readonly supportedBytes: Known<readonly number[]>;
}
