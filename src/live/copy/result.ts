import type { CopyResultView } from "../../measured/copy.ts";
import type { KernelMessage } from "../messages/kernel-log.ts";
import type { MemoryShape } from "./chunks.ts";
import type { CopyFailure } from "./failures.ts";
import type { CopyPath } from "./path.ts";
import type { CopyPlan } from "./plan.ts";

/** How a copy went, with all that is known of its parts. */
export interface CopyResult extends CopyResultView {
  readonly plan: CopyPlan;
  readonly path: CopyPath;
  readonly shape: MemoryShape;
  readonly failure: CopyFailure | null;
  readonly messages: readonly KernelMessage[];
}
