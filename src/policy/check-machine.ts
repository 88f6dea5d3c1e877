import type { Machine } from "../host/machine.ts";
import { configSymbol } from "../host/system-files.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import { withoutP2pdma } from "../rules/kernels/build-option.ts";
import { rowsOf } from "../rules/kernels/choose-rules.ts";
import { parseKernelRelease } from "../rules/kernels/kernel-release.ts";
import { findParameter } from "./parameters.ts";
import type { MachineFact, WantedParameter } from "./policy.ts";
import { isInRange } from "./release-range.ts";
import type { FindingList } from "./result.ts";

/** Holds one fact of the machine against what a policy wants of it. */
export function checkFact(machine: Machine, wanted: MachineFact, findings: FindingList): void {
  if (wanted.fact === "parameters") {
    checkParameters(machine, wanted.parameters, findings);
    return;
  }
  const { fact } = wanted;
  const found = factOf(machine, wanted);
  const answer = isUnknown(found) ? found : isAsWanted(found, wanted);
  if (isUnknown(answer)) findings.add("unknown", () => ({ kind: "fact", fact, subject: null, found: answer }));
  else findings.add(answer ? "pass" : "fail", () => ({ kind: "fact", fact, subject: null, found }));
}

/** Each parameter is a finding of its own. */
function checkParameters(machine: Machine, parameters: readonly WantedParameter[], findings: FindingList): void {
  for (const parameter of parameters) {
    const found = findParameter(machine, parameter);
    const outcome = isUnknown(found) ? "unknown" : found.isAsWanted ? "pass" : "fail";
    const subject = parameter.isForbidden ? `not ${parameter.text}` : parameter.text;
    const said = isUnknown(found) ? found : found.found;
    findings.add(outcome, () => ({ kind: "fact", fact: "parameters", subject, found: said }));
  }
}

/** A fact that is one value of the machine. */
type SingleFact = Exclude<MachineFact, { fact: "parameters" }>;

const BUILT = "with CONFIG_PCI_P2PDMA";
const NOT_BUILT = "without CONFIG_PCI_P2PDMA";

function factOf(machine: Machine, { fact }: SingleFact): Known<string> {
  switch (fact) {
    case "kernel":
      return machine.kernel.release;
    case "iommu":
      return machine.iommu.mode;
    case "p2pdma":
      return p2pdmaOf(machine);
  }
}

/**
 * Begins with {@link BUILT} or {@link NOT_BUILT}. Without a configuration, release and vendor can rule P2PDMA out, as they do
 * for pairs, and not in: that a vendor builds it in is assumed there.
 */
function p2pdmaOf(machine: Machine): Known<string> {
  const { release, config } = machine.kernel;
  const parsed = isUnknown(release) ? undefined : parseKernelRelease(release);
  if (parsed !== undefined && rowsOf(parsed).rows.length === 0) {
    return `${NOT_BUILT}: ${parsed.text} has no P2PDMA, which came with Linux 4.20`;
  }
  const without = withoutP2pdma(machine);
  if (without !== undefined) return isUnknown(config) ? `${NOT_BUILT}: ${without}` : NOT_BUILT;
  const own = configSymbol(machine.kernel, "CONFIG_PCI_P2PDMA");
  return isUnknown(own) ? own : BUILT;
}

function isAsWanted(found: string, wanted: SingleFact): Known<boolean> {
  switch (wanted.fact) {
    case "kernel":
      return isInRange(found, wanted.range);
    case "iommu":
      return wanted.modes.some((mode) => mode === found);
    case "p2pdma":
      return found.startsWith(BUILT) === wanted.isBuilt;
  }
}
