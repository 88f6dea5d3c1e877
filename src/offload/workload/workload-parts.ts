import type { MachineParts } from "../../host/scenario/machine-parts.ts";
import type { CopyInput, ExpectInput, ModelInput, PlaceInput, StepInput } from "./input.ts";
import type { ChangeInput } from "./sharing-input.ts";

/** As a program writes it: sizes are numbers of bytes, or texts such as `64K`. */
type Written<T> = T extends number
  ? number | string
  : T extends string | boolean
    ? T
    : { readonly [K in keyof T]: Written<T[K]> };

/** A device, or more of it: a bare word stands for its `device`. */
type WordOr<T> = string | Written<T>;

/** One step: its kind as a key. */
export interface StepParts extends Written<Omit<StepInput, "copy" | "expect" | "reset" | "revoke" | "restore">> {
  /** How it is to end; a bare word is the outcome. */
  readonly expect?: ExpectInput["outcome"] | Written<ExpectInput>;
  readonly copy?: Written<Omit<CopyInput, "from" | "to">> & {
    readonly from: WordOr<PlaceInput>;
    readonly to: WordOr<PlaceInput>;
  };
  readonly reset?: WordOr<ChangeInput>;
  readonly revoke?: WordOr<ChangeInput>;
  readonly restore?: WordOr<ChangeInput>;
}

/** A workload as a program writes it: what a workload file says, as an object. */
export interface WorkloadParts {
  readonly name?: string;
  /** The machine itself; a text is the path of one, to be read by whoever runs the workload. */
  readonly machine: MachineParts | string;
  readonly model?: Written<ModelInput>;
  readonly workload: readonly StepParts[];
}
