import type { Machine } from "../host/machine.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
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

function factOf({ kernel, iommu }: Machine, { fact }: SingleFact): Known<string> {
  switch (fact) {
    case "kernel":
      return kernel.release;
    case "iommu":
      return iommu.mode;
    case "p2pdma": {
      const { config } = kernel;
      if (isUnknown(config)) return unknown(config.unknown);
      return config["CONFIG_PCI_P2PDMA"] === undefined ? NOT_BUILT : BUILT;
    }
  }
}

function isAsWanted(found: string, wanted: SingleFact): Known<boolean> {
  switch (wanted.fact) {
    case "kernel":
      return isInRange(found, wanted.range);
    case "iommu":
      return wanted.modes.some((mode) => mode === found);
    case "p2pdma":
      return (found === BUILT) === wanted.isBuilt;
  }
}
