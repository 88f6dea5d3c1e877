/** The lab: mapping designs side by side, each carried out on the fabric. */
export { LAB_CLAIMS, labClaims } from "./claims/all-claims.ts";
export type { Checked, Claim, ClaimResult } from "./claims/claim.ts";
export { DESIGN_IDS, type DesignId, type MappingDesign, type Origin, type Preparation } from "./design.ts";
export { findDesign, MAPPING_DESIGNS } from "./designs/all-designs.ts";
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
} from "./lab.ts";
export { findClass, MACHINE_CLASSES } from "./machines/all-classes.ts";
export { CLASS_IDS, type ClassId, type MachineClass } from "./machines/machine-class.ts";
export { type MeasuredDesign, type MeasureOptions, measureDesigns } from "./measure.ts";
export {
  type Mishap,
  OUTCOMES,
  type Outcome,
  outcomeOf,
  type Refusal,
  type RunCost,
  type RunResult,
} from "./outcome.ts";
export { Bench, runOnce } from "./run.ts";
export { listText, parseRunId, type RunPlan, runId } from "./run-id.ts";
export { MAX_SEGMENTS, type SegmentKind, segmentsOf, WORKLOADS, type Workload } from "./workload.ts";
