import type { Machine } from "../../host/machine.ts";
import type { PairClass } from "../../measured/probe.ts";
import { formatAddress } from "../../pci/addresses.ts";
import { formatBdf } from "../../pci/bdf.ts";
import { isUnknown } from "../../pci/known.ts";
import type { PeerRoute } from "../../routes/peer-routes.ts";
import { failureAdvice, lossAdvice, refusalAdvice, rulesRefuseAdvice } from "./advice.ts";
import { type DirectionResult, stateText } from "./direction.ts";
import type { Finding, MeasuredPair, ProbedPair, ProbeResult } from "./result.ts";

const WAYS = { into: "reads of the disk into peer memory", out: "writes of the disk out of peer memory" } as const;

/** What a measured pair means. */
export function judge(pair: MeasuredPair, machine: Machine): ProbedPair {
  return { ...pair, class: classOf(pair), findings: findingsOf(pair, machine) };
}

/** How a pair stands: what the rules, the kernel and the data say, held against each other. */
export function classOf(pair: MeasuredPair): PairClass {
  const directions = [pair.into, pair.out];
  if (directions.some((direction) => disagrees(pair, direction))) return "disagreement";
  if (directions.some(({ data }) => data.kind === "lost")) return "loss";
  if (directions.some(({ kernel }) => kernel.kind === "failed" || kernel.kind === "short")) return "failure";
  if (directions.some(({ trials }) => trials.some(({ state }) => state.kind === "control-failed"))) return "failure";
  if (pair.mapType === "unknown" || directions.some(({ data }) => data.kind === "unknown")) return "unknown";
  return directions.some(({ kernel }) => kernel.kind === "not-tested" && kernel.isAsked) ? "unknown" : "fine";
}

/** True where the kernel decided otherwise than the rules say. */
function disagrees({ mapType }: MeasuredPair, { kernel }: DirectionResult): boolean {
  if (mapType === "unknown" || kernel.kind === "not-tested") return false;
  return (mapType !== "not-supported") === (kernel.kind === "refused");
}

function findingsOf(pair: MeasuredPair, machine: Machine): readonly Finding[] {
  return [pair.into, pair.out]
    .flatMap((direction) => directionFindings(pair, direction, machine))
    .concat(pairFindings(pair));
}

function directionFindings(pair: MeasuredPair, direction: DirectionResult, machine: Machine): readonly Finding[] {
  const { kernel, data, trials } = direction;
  const way = WAYS[direction.direction];
  const findings: Finding[] = [];
  const add = (kind: Finding["kind"], text: string, advice: readonly string[] = []): void => {
    findings.push({ kind, text, advice });
  };
  if (data.kind === "lost") {
    const isSilent = kernel.kind === "accepted" ? "every I/O reported success, and " : "";
    add("loss", `data is lost: ${isSilent}${way} give wrong data: ${data.text}`, lossAdvice(pair, machine));
  }
  if (kernel.kind === "refused") {
    if (pair.mapType === "not-supported")
      add("unsupported", "the kernel refuses the pair, as the rules say", rulesRefuseAdvice(pair));
    else
      add(
        "refused",
        `the kernel refuses ${way} (${kernel.errno}), and the rules ${rulesText(pair)}`,
        refusalAdvice(pair),
      );
  } else if (disagrees(pair, direction)) {
    add("allowed", `the kernel takes ${way}, and the rules say that it does not`, [
      "send peerlane capture's file with a report: the rules are wrong here, or ACS was changed after the kernel decided (it decides once per pair)",
    ]);
  }
  if (kernel.kind === "failed") add("failed", `${way}: ${direction.kernelText}`, failureAdvice(pair));
  if (kernel.kind === "short")
    add("short", `${way} are short: ${kernel.bytes} of ${kernel.of} bytes`, failureAdvice(pair));
  if (data.kind === "unknown" && trials.some(({ state }) => state.kind === "changing")) {
    add("changing", `${way} cannot be judged: the disk changes meanwhile`, [
      "unmount it, or stop what writes to it, and probe again",
    ]);
  }
  const failed = trials.find(({ state }) => state.kind === "control-failed");
  if (failed !== undefined) {
    add("control-failed", `the fault is not in the peer path: ${stateText(failed.state)}`, failureAdvice(pair));
  }
  if (kernel.kind === "not-tested" && kernel.isAsked) add("untested", `${way} are not tested: ${kernel.why}`);
  if (data.kind === "right" && data.alikeCount > 0) {
    add(
      "alike",
      "some of the blocks read are alike (as on an empty disk): they arrived, and whether in order does not show (--allow-write shows it)",
    );
  }
  const difference = predictionDifference(pair, direction);
  if (difference !== null) add("prediction-differs", difference);
  return findings;
}

function rulesText({ mapType }: MeasuredPair): string {
  return mapType === "unknown" ? "cannot tell" : "say that it takes them";
}

function pairFindings(pair: MeasuredPair): readonly Finding[] {
  const findings: Finding[] = [];
  const strays = pair.faults.filter(({ providerBar }) => providerBar !== null);
  const [stray] = strays;
  // A fault is in a BAR by its address.
  if (stray !== undefined && stray.address !== null) {
    const access = stray.access === null ? "request" : stray.access;
    findings.push({
      kind: "went-to-iommu",
      text: `the peer request went up to the IOMMU: it faulted a ${access} at ${formatAddress(stray.address)}, which lies in BAR ${stray.providerBar} of ${formatBdf(pair.provider)} (at least ${strays.length} such ${strays.length === 1 ? "fault" : "faults"}: the kernel says only some)`,
      advice: [],
    });
  }
  if (pair.isOwnMemory && pair.into.kernel.kind !== "not-tested") {
    findings.push({
      kind: "own-memory",
      text: "the disk's own controller is the provider: what it wrote was checked from outside, by the CPU through its BAR",
      advice: [],
    });
  }
  return findings;
}

const ORDER: readonly PairClass[] = ["disagreement", "loss", "failure", "unknown", "fine"];

/** Disagreements first, then losses, then the rest, each in the order in which they were tested. */
export function inOrder(pairs: readonly ProbedPair[]): readonly ProbedPair[] {
  return pairs.toSorted((a, b) => ORDER.indexOf(a.class) - ORDER.indexOf(b.class));
}

const WRONG: readonly PairClass[] = ["disagreement", "loss", "failure"];

/** The answer to what was asked; named pairs have to work, others have to be as the rules say. */
export function answerOf(pairs: readonly ProbedPair[]): ProbeResult["answer"] {
  if (pairs.every(({ into, out }) => into.kernel.kind === "not-tested" && out.kernel.kind === "not-tested")) {
    return pairs.some((pair) => WRONG.includes(pair.class)) ? "no" : "nothing";
  }
  const isWrong = (pair: ProbedPair): boolean =>
    WRONG.includes(pair.class) ||
    (pair.isNamed && [pair.into, pair.out].some(({ kernel }) => kernel.kind === "refused"));
  if (pairs.some(isWrong)) return "no";
  return pairs.some((pair) => pair.class === "unknown") ? "unknown" : "yes";
}

/** What the model of the fabric foretells of a direction: its requests arrive, or fail; `null` where it cannot tell. */
function predictionOf(
  pair: Pick<MeasuredPair, "clients">,
  direction: DirectionResult["direction"],
): "arrives" | "fails" | null {
  const answers = new Set(
    pair.clients.map(({ routing }) => {
      if (routing === null) return null;
      const route = direction === "into" ? routing.write : routing.read;
      return isUnknown(route) ? null : foretells(route);
    }),
  );
  const [only] = answers;
  return answers.size === 1 ? (only ?? null) : null;
}

function foretells({ differs }: PeerRoute): "arrives" | "fails" {
  return differs === "not-delivered" || differs === "elsewhere" ? "fails" : "arrives";
}

/** How prediction and measurement differ, in words; `null` where they do not, or one of them tells nothing. */
function predictionDifference(pair: MeasuredPair, result: DirectionResult): string | null {
  const predicted = predictionOf(pair, result.direction);
  const { kind } = result.data;
  if (predicted === null || (kind !== "right" && kind !== "lost")) return null;
  if ((predicted === "arrives") === (kind === "right")) return null;
  const requests = result.direction === "into" ? "the client's writes" : "the client's reads";
  return predicted === "arrives"
    ? `the model of the fabric says that ${requests} arrive, and the data is wrong: the hardware does other things than its registers show`
    : `the model of the fabric says that ${requests} do not arrive, and the data is right`;
}
