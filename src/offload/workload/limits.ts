import { PeerlaneError } from "../../pci/error.ts";
import { formatSize } from "../../pci/size.ts";
import type { WorkloadStep } from "./workload.ts";

/** The model moves some tens of megabytes in a second, and keeps what it moves at both ends. */
const MAX_BYTES = 2 ** 28;
const MAX_TRANSFERS = 32_768;

/** How many transfers a step makes, and of how many bytes in all. */
export function sizeOfStep(step: WorkloadStep): { readonly transfers: number; readonly lengthBytes: number } {
  const parts = partsOf(step);
  return {
    transfers: parts.reduce((sum, { count }) => sum + count, 0),
    lengthBytes: parts.reduce((sum, { count, sizeBytes }) => sum + count * sizeBytes, 0),
  };
}

function partsOf(step: WorkloadStep): readonly { readonly count: number; readonly sizeBytes: number }[] {
  switch (step.kind) {
    case "nvmeof":
      return step.io;
    case "reset":
    case "revoke":
    case "restore":
      return step.during === null ? [] : [{ count: 1, sizeBytes: step.during.sizeBytes }];
    case "export":
    case "import":
    case "guest":
    case "mmap":
      return [];
    default:
      return [step];
  }
}

/** Throws `too-large`, with the place, at the step with which a workload gets beyond what is simulated. */
export function refuseTooMuch(steps: readonly WorkloadStep[]): void {
  let transfers = 0;
  let lengthBytes = 0;
  for (const step of steps) {
    const size = sizeOfStep(step);
    const times = step.isCompared ? 2 : 1;
    transfers += times * size.transfers;
    lengthBytes += times * size.lengthBytes;
    if (transfers <= MAX_TRANSFERS && lengthBytes <= MAX_BYTES) continue;
    throw new PeerlaneError("too-large", "with this step the workload is too large to be simulated", {
      place: step.place,
      facts: {
        transfers: `${transfers} of at most ${MAX_TRANSFERS}`,
        bytes: `${formatSize(lengthBytes)} of at most ${formatSize(MAX_BYTES)}`,
      },
      remedy: "simulate less: ratios of bytes do not depend on how many there are",
    });
  }
}
