import type { RouteOutcome } from "./route.ts";

/** Outcomes as the hot path has them; {@link outcomeName} gives the name. */
export const DELIVERED = 0;
export const UNSUPPORTED_REQUEST = 1;
export const ACS_VIOLATION = 2;
export const IOMMU_FAULT = 3;
export const LOST = 4;
export const NOT_ISSUED = 5;
/** No outcome: the route depends on something that the source of the machine does not show. */
export const HIDDEN = 6;

const names: readonly RouteOutcome[] = [
  "delivered",
  "unsupported-request",
  "acs-violation",
  "iommu-fault",
  "lost",
  "not-issued",
];

/** The name of an outcome code; throws a `RangeError` for {@link HIDDEN}, which is none. */
export function outcomeName(code: number): RouteOutcome {
  const name = names[code];
  if (name === undefined) throw new RangeError(`${code} is no outcome`);
  return name;
}
