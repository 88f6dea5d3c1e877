import type { ProbedPairView, ProbeView } from "../../measured/probe.ts";
import type { BlockDevice } from "../block/block-device.ts";
import type { DirectionResult } from "./direction.ts";
import type { PairMessages } from "./evidence.ts";
import type { LeftRescue } from "./rescue-store.ts";

/** What was measured of a provider with a disk. */
export interface MeasuredPair extends Omit<ProbedPairView, "class" | "findings">, PairMessages {
  readonly device: BlockDevice;
  readonly into: DirectionResult;
  readonly out: DirectionResult;
  readonly messages: PairMessages["messages"];
  readonly faults: PairMessages["faults"];
}

/** One thing to know of a pair, and what to do. */
export interface Finding {
  readonly kind:
    | "loss"
    | "refused"
    | "allowed"
    | "failed"
    | "short"
    | "unsupported"
    | "untested"
    | "changing"
    | "control-failed"
    | "went-to-iommu"
    | "prediction-differs"
    | "alike"
    | "own-memory";
  readonly text: string;
  readonly advice: readonly string[];
}

/** A pair with what follows. */
export interface ProbedPair extends MeasuredPair {
  readonly class: ProbedPairView["class"];
  readonly findings: readonly Finding[];
}

/** What a run of probe found. */
export interface ProbeResult extends ProbeView {
  readonly pairs: readonly ProbedPair[];
  readonly leftRescues: readonly LeftRescue[];
}
