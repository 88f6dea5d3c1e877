import type { TransferFailure } from "../../devices/bus-master.ts";
import { formatBdf } from "../../pci/bdf.ts";
import type { TransferOutcome, TransferReport } from "../outcome.ts";
import type { CountedMemory, MemoryUse, RepeatedFailure, StepRun, Transfer } from "./simulation.ts";

/** The worst first: what nobody is told of before what a driver learns. */
const BY_SEVERITY: readonly TransferOutcome[] = [
  "silent-loss",
  "wrong-bytes",
  "device-error",
  "mapping-failed",
  "done",
];

/** Kinds of failures that are described. */
const MAX_FAILURES = 8;

/** Failures that are alike. */
interface CountedFailures {
  readonly first: TransferFailure;
  times: number;
  readonly allBytes: { lengthBytes: number; arrivedBytes: number; sentBytes: number };
}

/** Adds up what the transfers of a step came to. */
export class StepTally {
  readonly transfers: Record<TransferOutcome, number> = {
    ...{ done: 0, "mapping-failed": 0, "device-error": 0, "silent-loss": 0, "wrong-bytes": 0 },
  };
  readonly #memory = new Map<string, { readonly use: MemoryUse; transfers: number }>();
  readonly #failures = new Map<string, CountedFailures>();
  readonly #checked = { rightBytes: 0, wrongBytes: 0, failedBytes: 0, uncheckedBytes: 0 };
  readonly #errors = new Set<string>();
  /** The first thing that went wrong in each way. */
  readonly #whys = new Map<TransferOutcome, string>();

  add({ report, memory }: Transfer): void {
    this.transfers[report.outcome]++;
    const why = whyOf(report);
    if (why !== null && !this.#whys.has(report.outcome)) this.#whys.set(report.outcome, why);
    const error = errorOf(report);
    if (error !== null) this.#errors.add(error);
    this.#check(report);
    const key = memory.source === "peer" ? `peer ${memory.provider}` : `${memory.source} ${memory.why}`;
    const used = this.#memory.get(key) ?? { use: memory, transfers: 0 };
    used.transfers++;
    this.#memory.set(key, used);
    for (const failure of report.failures) this.#addFailure(failure);
  }

  /** Of the worst transfer; `done` without any. */
  get outcome(): TransferOutcome {
    return BY_SEVERITY.find((outcome) => this.transfers[outcome] > 0) ?? "done";
  }

  /** The first thing that went wrong in the worst way that is not the wanted one, else in that one. */
  why(wanted: TransferOutcome | null): string | null {
    const worst = BY_SEVERITY.find((outcome) => outcome !== wanted && this.#whys.has(outcome));
    return this.#whys.get(worst ?? this.outcome) ?? null;
  }

  /** Names of errors, each once. */
  get errors(): readonly string[] {
    return [...this.#errors];
  }

  get memory(): readonly CountedMemory[] {
    return [...this.#memory.values()]
      .map(({ use, transfers }): CountedMemory => ({ ...use, transfers }))
      .sort((a, b) => b.transfers - a.transfers);
  }

  get checked(): StepRun["checked"] {
    return { ...this.#checked };
  }

  get failures(): readonly RepeatedFailure[] {
    return [...this.#failures.values()].map(({ first, times, allBytes }) => ({
      ...first,
      times,
      allBytes: { ...allBytes },
    }));
  }

  #check({ outcome, bytesMatch, lengthBytes }: TransferReport): void {
    if (outcome === "mapping-failed" || outcome === "device-error") this.#checked.failedBytes += lengthBytes;
    else if (bytesMatch === null) this.#checked.uncheckedBytes += lengthBytes;
    else if (bytesMatch) this.#checked.rightBytes += lengthBytes;
    else this.#checked.wrongBytes += lengthBytes;
  }

  #addFailure(failure: TransferFailure): void {
    const { requester, kind, isControl, outcome, endedAt, reason } = failure;
    const key = [requester, kind, isControl, outcome, endedAt, reason].join(" ");
    let known = this.#failures.get(key);
    if (known === undefined) {
      if (this.#failures.size >= MAX_FAILURES) return;
      known = { first: failure, times: 0, allBytes: { lengthBytes: 0, arrivedBytes: 0, sentBytes: 0 } };
      this.#failures.set(key, known);
    }
    known.times++;
    known.allBytes.lengthBytes += failure.lengthBytes;
    known.allBytes.arrivedBytes += failure.arrivedBytes;
    known.allBytes.sentBytes += failure.sentBytes;
  }
}

/** The name of what went wrong: an errno, a device's status, how a request ended that nobody was told of. */
function errorOf({ outcome, driverSaw, fabricSaw }: TransferReport): string | null {
  if (outcome === "mapping-failed" || outcome === "device-error") return driverSaw;
  return outcome === "silent-loss" ? fabricSaw : null;
}

function whyOf({ outcome, failures, mappingFailure, driverSaw }: TransferReport): string | null {
  if (outcome === "done") return null;
  if (mappingFailure !== null) return `${mappingFailure.errno}: ${mappingFailure.reason}`;
  const [failure] = failures;
  if (failure === undefined) return outcome === "wrong-bytes" ? "the bytes are not there" : driverSaw;
  const where = failure.endedAt === "root-complex" ? "the root complex" : formatBdf(failure.endedAt);
  return `a ${failure.kind} of ${formatBdf(failure.requester)} ends at ${where}: ${failure.reason}`;
}
