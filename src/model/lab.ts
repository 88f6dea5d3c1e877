/** The lab: mapping designs side by side, each carried out on the fabric. */

export type { Documented } from "../devices/documented.ts";
export {
  DESIGN_IDS,
  type DesignId,
  type DesignMapper,
  type MappingDesign,
  type Origin,
  type Preparation,
} from "../lab/design.ts";
export { findDesign, MAPPING_DESIGNS } from "../lab/designs/all-designs.ts";
export { hookByPages, type PlacePeer, refusePeer } from "../lab/designs/peer-hook.ts";
export { AS_MEMORY, type HostMapping, REFUSED, type SegmentHook } from "../lab/host-mapping.ts";
export {
  type Baseline,
  type CounterExample,
  LAB_LENGTHS,
  type LabCell,
  type LabOptions,
  type LabResult,
  type LabRun,
  type ListOutcome,
  outcomesOf,
  runLab,
} from "../lab/lab.ts";
export { LIST_KINDS, type ListKind, MAX_SEGMENTS, type SegmentKind, segmentsOf } from "../lab/list-kinds.ts";
export { findClass, MACHINE_CLASSES } from "../lab/machines/all-classes.ts";
export {
  CLASS_IDS,
  type ClassId,
  type MachineClass,
  type PairPlace,
  PLAIN_MACHINE,
} from "../lab/machines/machine-class.ts";
export { type MeasuredDesign, type MeasureOptions, measureDesigns } from "../lab/measure.ts";
export {
  LAB_OUTCOMES,
  type LabOutcome,
  type Mishap,
  outcomeOf,
  type Refusal,
  type RunCost,
  type RunResult,
} from "../lab/outcome.ts";
export { DesignRunner, type FallBack, runOnce } from "../lab/run.ts";
export { listText, type OwnParts, parseRunId, type RunPlan, runId } from "../lab/run-id.ts";
export { LAB_STATEMENTS, labStatements } from "../lab/statements/all-statements.ts";
export type { Checked, Statement, StatementResult } from "../lab/statements/statement.ts";
export type { LabWorld, PeerRules } from "../lab/world.ts";
export { type CellOutcome, cellOutcome, outcomeText, whyOf } from "../report/lab/words.ts";
