import type { Machine } from "../../../host/machine.ts";
import type { Simulation } from "../../../offload/workload/simulation.ts";
import type { PeerDirection } from "../../../routes/peer-routes.ts";
import type { Pattern } from "../../../timed/runs/pattern-names.ts";
import type { NamedRun } from "../../../timed/runs/time-workload.ts";

/** What was run in time: the steps of a workload, or the parts of a pattern over devices of a machine. */
export interface TimeView {
  readonly machine: Machine;
  readonly rules: string | undefined;
  readonly of: { readonly simulation: Simulation } | { readonly pattern: Pattern; readonly operation: PeerDirection };
  /** Nanoseconds that every flow went on for; `null`: until all bytes were there. */
  readonly lengthNs: number | null;
  readonly runs: readonly NamedRun[];
}
