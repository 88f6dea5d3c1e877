import type { Bdf } from "../../pci/bdf.ts";
import { deviceKind } from "../../pci/device-kind.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown } from "../../pci/known.ts";

/** Pairs of two classes of functions, with one of them as an example. */
export interface ClassPair {
  readonly first: Bdf;
  readonly second: Bdf;
  readonly pairs: number;
}

/** What people call alike: GPUs, NICs; of the rest the class and subclass. */
export function classKeyOf(fn: PciFunction): string {
  const kind = deviceKind(fn);
  if (kind !== "other" && kind !== "bridge") return kind;
  return isUnknown(fn.classCode) ? kind : (fn.classCode >>> 8).toString(16);
}
