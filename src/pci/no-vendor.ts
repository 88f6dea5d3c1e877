import type { PciFunction } from "./function.ts";
import { isUnknown, type Unknown, unknown } from "./known.ts";

/** The ids of a function to which a description gives none. Kept by its words, which go through a snapshot unchanged. */
export const NO_VENDOR: Unknown = unknown("the scenario gives it no ids: add `id:`");

/**
 * True for a function that is hardware of no vendor: no quirk of a kernel and no documented fact is about it. What else
 * depends on its ids is unknown.
 */
export function isOfNoVendor({ vendorId }: Pick<PciFunction, "vendorId">): boolean {
  return isUnknown(vendorId) && vendorId.unknown === NO_VENDOR.unknown;
}
