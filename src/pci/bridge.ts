import type { BusAddr } from "./addresses.ts";
import type { Known } from "./known.ts";

/** A forwarding window of a bridge, half-open, in bus addresses. */
export interface BridgeWindow {
  readonly kind: "io" | "memory" | "prefetchable";
  readonly start: BusAddr;
  readonly size: number;
}

/** The bridge part of a type 1 header (PCI-to-PCI Bridge 1.2 sec 3.2.5). Disabled windows are left out. */
export interface BridgeRegisters {
  readonly primary: number;
  readonly secondary: number;
  readonly subordinate: number;
  readonly windows: Known<readonly BridgeWindow[]>;
}
