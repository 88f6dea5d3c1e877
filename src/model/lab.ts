/** The lab: mapping designs side by side, each carried out on the fabric. */
export { LAB_CLAIMS, labClaims } from "../lab/claims/all-claims.ts";
export type { Checked, Claim, ClaimResult } from "../lab/claims/claim.ts";
export { DESIGN_IDS, type DesignId, type MappingDesign, type Origin, type Preparation } from "../lab/design.ts";
export { findDesign, MAPPING_DESIGNS } from "../lab/designs/all-designs.ts";
export {
  type Baseline,
  type CounterExample,
  LAB_LENGTHS,
  type LabCell,
  type LabOptions,
  type LabResult,
  type LabRun,
  outcomesOf,
  runLab,
} from "../lab/lab.ts";
export { findClass, MACHINE_CLASSES } from "../lab/machines/all-classes.ts";
export { CLASS_IDS, type ClassId, type MachineClass } from "../lab/machines/machine-class.ts";
export { type MeasuredDesign, type MeasureOptions, measureDesigns } from "../lab/measure.ts";
export {
  type Mishap,
  OUTCOMES,
  type Outcome,
  outcomeOf,
  type Refusal,
  type RunCost,
  type RunResult,
} from "../lab/outcome.ts";
export { Bench, runOnce } from "../lab/run.ts";
export { listText, parseRunId, type RunPlan, runId } from "../lab/run-id.ts";
export { MAX_SEGMENTS, type SegmentKind, segmentsOf, WORKLOADS, type Workload } from "../lab/workload.ts";
