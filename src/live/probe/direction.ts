import type { DataOutcome, DataState, DirectionView, KernelOutcome } from "../../measured/probe.ts";
import { formatSize } from "../../pci/size.ts";
import { isRefusal } from "../block/direct-file.ts";
import { damageText } from "./damage.ts";
import type { TrialResult } from "./workbench.ts";

/** One direction of a pair, with all that was tried. */
export interface DirectionResult extends DirectionView {
  readonly trials: readonly TrialResult[];
}

/** A direction that was not tried, and whether it should have been. */
export function untestedDirection(
  direction: DirectionResult["direction"],
  why: string,
  isAsked: boolean,
): DirectionResult {
  const data = { kind: "not-tested", text: "not tested", rightCount: 0, judgedCount: 0, alikeCount: 0 } as const;
  return { direction, kernel: { kind: "not-tested", why, isAsked }, kernelText: "not tested", data, trials: [] };
}

/** Sums up the trials of one direction. */
export function summarize(direction: DirectionResult["direction"], trials: readonly TrialResult[]): DirectionResult {
  const kernel = kernelOutcome(trials);
  return { direction, kernel, kernelText: kernelText(kernel), data: dataOutcome(trials), trials };
}

function kernelOutcome(trials: readonly TrialResult[]): KernelOutcome {
  const tried = trials.flatMap(({ io, sizeBytes }) => (io === null ? [] : [{ ...io, sizeBytes }]));
  const [first] = tried;
  if (first === undefined) {
    const [untried] = trials;
    const why =
      untried === undefined ? "no size fits both the disk and the free peer memory" : stateText(untried.state);
    return { kind: "not-tested", why, isAsked: true };
  }
  const errors = tried.filter(({ errno }) => errno !== null);
  const [error] = errors;
  if (error !== undefined && errors.length === tried.length && isRefusal(error.errno)) {
    return { kind: "refused", errno: error.errno ?? "" };
  }
  if (error !== undefined) {
    return { kind: "failed", errno: error.errno ?? "", count: errors.length, of: tried.length };
  }
  const short = tried.filter(({ bytes, sizeBytes }) => bytes < sizeBytes);
  const [cut] = short;
  if (cut !== undefined) return { kind: "short", bytes: cut.bytes, of: cut.sizeBytes, count: short.length };
  return { kind: "accepted", bytes: tried.reduce((sum, { bytes }) => sum + bytes, 0), count: tried.length };
}

const UNJUDGED: readonly DataState["kind"][] = ["not-tested", "changing", "control-failed"];

function dataOutcome(trials: readonly TrialResult[]): DataOutcome {
  const judged = trials.filter(({ state }) => !UNJUDGED.includes(state.kind));
  const right = judged.filter(({ state }) => state.kind === "right");
  const wrong = judged.filter(({ state }) => state.kind !== "right");
  const counts = {
    rightCount: right.length,
    judgedCount: judged.length,
    alikeCount: right.filter(({ isDistinct }) => !isDistinct).length,
  };
  if (wrong.length > 0) return { kind: "lost", text: lossText(wrong, judged.length), ...counts };
  const open = trials.find(({ state }) => state.kind === "changing" || state.kind === "control-failed");
  if (open !== undefined) return { kind: "unknown", text: stateText(open.state), ...counts };
  if (right.length > 0) return { kind: "right", text: "right", ...counts };
  return { kind: "none", text: "none moved", ...counts };
}

/** The ways in which data was wrong, the most frequent first, with an example of each. */
function lossText(wrong: readonly TrialResult[], judgedCount: number): string {
  const byKind = groupByKind(wrong);
  return [...byKind.values()]
    .sort((a, b) => b.length - a.length)
    .map((group) => `${group[0] === undefined ? "" : stateText(group[0].state)} (${group.length} of ${judgedCount})`)
    .join("; ");
}

function groupByKind(trials: readonly TrialResult[]): Map<string, TrialResult[]> {
  const groups = new Map<string, TrialResult[]>();
  for (const trial of trials) groups.set(trial.state.kind, [...(groups.get(trial.state.kind) ?? []), trial]);
  return groups;
}

/** What was found of a trial's data, in words. */
export function stateText(state: DataState): string {
  switch (state.kind) {
    case "changing":
      return "changing: somebody else writes to the disk";
    case "control-failed": {
      const what = state.damage === null ? ioText(state.io) : damageText(state.damage);
      return `the same through DRAM fails: ${what}`;
    }
    case "memory-fails":
      return `the CPU does not read back what it stores in peer memory: ${damageText(state.damage)}`;
    case "spilled":
      return `right, and something was written ${state.side} it`;
    case "not-tested":
      return "not tested";
    default:
      return damageText(state);
  }
}

function ioText({ bytes, errno }: { readonly bytes: number; readonly errno: string | null }): string {
  return errno ?? `only ${formatSize(bytes)} moved`;
}

/** A kernel's outcome in words. */
function kernelText(outcome: KernelOutcome): string {
  switch (outcome.kind) {
    case "accepted":
      return `takes ${formatSize(outcome.bytes)}`;
    case "refused":
      return `refuses: ${outcome.errno}`;
    case "failed":
      return outcome.count === outcome.of
        ? `fails: ${outcome.errno}`
        : `fails: ${outcome.errno} (${outcome.count} of ${outcome.of})`;
    case "short":
      return `short: ${outcome.bytes} of ${outcome.of} bytes`;
    case "not-tested":
      return "not tested";
  }
}
