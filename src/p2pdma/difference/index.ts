export { compareGroups, type GroupChange } from "./groups.ts";
export {
  compareMachines,
  type FactChange,
  type FunctionChange,
  type MachineDifference,
} from "./machines.ts";
export { compareVerdicts, type VerdictChange } from "./verdicts.ts";
