import type { Machine } from "../host/machine.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import type { MachineFact } from "./policy.ts";
import { isInRange } from "./release-range.ts";
import type { FindingList } from "./result.ts";

/** Holds one fact of the machine against what a policy wants of it. */
export function checkFact(machine: Machine, wanted: MachineFact, findings: FindingList): void {
  const found = factOf(machine, wanted);
  const answer = isUnknown(found) ? found : isAsWanted(found, wanted);
  if (isUnknown(answer)) findings.add("unknown", () => ({ kind: "fact", fact: wanted.fact, found: answer }));
  else findings.add(answer ? "pass" : "fail", () => ({ kind: "fact", fact: wanted.fact, found }));
}

const BUILT = "with CONFIG_PCI_P2PDMA";
const NOT_BUILT = "without CONFIG_PCI_P2PDMA";

function factOf({ kernel, iommu }: Machine, { fact }: MachineFact): Known<string> {
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

function isAsWanted(found: string, wanted: MachineFact): Known<boolean> {
  switch (wanted.fact) {
    case "kernel":
      return isInRange(found, wanted.range);
    case "iommu":
      return wanted.modes.some((mode) => mode === found);
    case "p2pdma":
      return (found === BUILT) === wanted.isBuilt;
  }
}
