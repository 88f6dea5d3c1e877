import { entryAt } from "../pci/entry-at.ts";
import type { MapType } from "./verdict.ts";

/** Map types as bytes for the tables, in the order of `enum pci_p2pdma_map_type` (Linux 5.10). */
export const UNKNOWN = 0;
export const NOT_SUPPORTED = 1;
export const BUS_ADDR = 2;
export const THRU_HOST_BRIDGE = 3;

const names = ["unknown", "not-supported", "bus-addr", "thru-host-bridge"] as const satisfies readonly MapType[];

/** The name of a map type's byte. Throws `RangeError` for any other number. */
export function mapTypeName(code: number): MapType {
  return entryAt(names, code);
}
