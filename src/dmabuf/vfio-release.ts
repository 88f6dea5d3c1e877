import type { Machine } from "../host/machine.ts";
import { PeerlaneError } from "../pci/error.ts";
import { chooseRules } from "../rules/kernels/choose-rules.ts";
import { numberOfOurs } from "../rules/kernels/kernel-release.ts";
import { VFIO_6_19, VFIO_7_2, type VfioRules } from "./vfio-rules.ts";

/** The first release whose VFIO exports BARs, and the first that waits for importers. */
const FIRST = numberOfOurs("6.19");
const WAITING = numberOfOurs("7.1");

/**
 * How the kernel of a machine, or of another release, takes exported memory back; `null` where its VFIO exports nothing.
 * Throws `unsupported` where the source leaves releases possible that differ in that.
 */
export function vfioRulesOf(machine: Pick<Machine, "kernel">, override?: string): VfioRules | null {
  const { candidates, hidden } = chooseRules(machine, override);
  const found = new Set(candidates.map(({ release }) => rulesOfNumber(numberOfOurs(release))));
  const [rules = null] = found;
  if (found.size <= 1) return rules;
  throw new PeerlaneError("unsupported", `how VFIO takes memory back is unknown: ${hidden}`, {
    remedy: "say which kernel it is",
  });
}

function rulesOfNumber(release: number): VfioRules | null {
  if (release < FIRST) return null;
  return release < WAITING ? VFIO_6_19 : VFIO_7_2;
}
