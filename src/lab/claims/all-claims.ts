import type { LabResult } from "../lab.ts";
import { type Claim, type ClaimResult, checkClaims } from "./claim.ts";
import { CLAIMS_2017 } from "./claims-2017.ts";
import { CLAIMS_LATER } from "./claims-later.ts";

/** All claims, in the order of the years. */
export const LAB_CLAIMS: readonly Claim[] = [...CLAIMS_2017, ...CLAIMS_LATER];

/** Every claim with what the lab found of it. */
export function labClaims(result: LabResult): readonly ClaimResult[] {
  return checkClaims(LAB_CLAIMS, result);
}
