import type { CountedMemory, StepOutcome, StepRun } from "../../offload/workload/simulation.ts";
import type { Expected } from "../../offload/workload/step-base.ts";
import type { Bdf } from "../../pci/bdf.ts";
import type { Topology } from "../../pci/topology.ts";
import { fullName } from "../device-names.ts";
import type { Span } from "../document.ts";

const outcomes: Readonly<Record<StepOutcome, string>> = {
  done: "delivered",
  "mapping-failed": "refused: the memory cannot be mapped",
  "device-error": "failed: a device says so",
  "silent-loss": "lost: every driver saw success",
  "wrong-bytes": "wrong bytes: every driver saw success",
  "not-run": "not run",
  unknown: "unknown: the source hides what decides",
};

/** How a step or transfer ended, in words. */
export function outcomeText({
  outcome,
  assumptions,
  isAsExpected,
  lengthBytes,
  step: { expected },
}: Pick<StepRun, "outcome" | "assumptions" | "isAsExpected" | "lengthBytes" | "step">): string {
  const plain = outcome === "done" && lengthBytes === 0 ? "done" : outcomes[outcome];
  const text = expected === null ? plain : `${plain}; ${expectedText(expected, isAsExpected)}`;
  return assumptions.length === 0 ? text : `${text}, if what the model assumes holds`;
}

function expectedText({ outcome, error }: Expected, isMet: boolean): string {
  if (isMet) return "as expected";
  const named = error === null ? outcome : `${outcome} (${error})`;
  return `not as expected: each transfer was to be ${named.replace("-", " ")}`;
}

/** The sign of an outcome: of one that rests on assumptions the one for unknown. */
export function outcomeMark({
  outcome,
  assumptions,
  isAsExpected,
}: Pick<StepRun, "outcome" | "assumptions" | "isAsExpected">): Span {
  if (outcome === "unknown" || assumptions.length > 0) return { text: "?", paint: "unknown" };
  return isAsExpected ? { text: "✓", paint: "direct" } : { text: "✗", paint: "no" };
}

/** Why a queue or transfer has no peer memory, in words; reasons of a mapping are words already. */
const whyRam: Readonly<Record<string, string>> = {
  off: "peer memory is off",
  "client-refuses": "what maps for a client refuses peer memory",
  "no-provider": "no peer memory is within reach of all clients",
  "pool-full": "the peer memory has no run as long left",
};

/** Whose memory was used: `peer memory of nvme0 (0000:03:00.0), 80 transfers`. */
export function memoryText(topology: Topology, memory: CountedMemory): string {
  const times = memory.transfers === 1 ? "1 transfer" : `${memory.transfers} transfers`;
  switch (memory.source) {
    case "peer":
      return `peer memory of ${fullName(topology, memory.provider)}, ${times}`;
    case "ram":
      return `RAM, ${times}${memory.why === "" ? "" : `: ${whyRam[memory.why] ?? memory.why}`}`;
    case "none":
      return `no memory, ${times}: ${memory.why}`;
  }
}

/** A function or the root complex. */
export function placeText(topology: Topology, at: Bdf | "root-complex"): string {
  return at === "root-complex" ? "root complex" : fullName(topology, at);
}
