/** Policies: what pairs of devices must, and must not, be able to do. */
export { checkPolicy } from "./check-policy.ts";
export { parsePolicy } from "./parse-policy.ts";
export type * from "./policy.ts";
export type {
  Finding,
  JudgedVerdict,
  Outcome,
  PolicyResult,
  Problem,
  RuleResult,
} from "./result.ts";
export { policyJsonSchema } from "./schema.ts";
