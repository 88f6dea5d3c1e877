import type { Scenario, ScenarioIommu } from "./scenario.ts";

/**
 * The kernel parameters of a scenario's machine: those that put the IOMMU into its mode
 * (Documentation/admin-guide/kernel-parameters, Linux 7.2), then the file's own.
 */
export function scenarioCommandLine({ iommu, commandLine }: Scenario): string {
  const implied = iommu === null ? [] : iommuParameters(iommu);
  return [...implied, commandLine].filter((part) => part !== "").join(" ");
}

function iommuParameters({ mode, kind }: ScenarioIommu): readonly string[] {
  if (mode === "off") return [];
  const on = kind === "intel" ? ["intel_iommu=on"] : [];
  switch (mode) {
    case "passthrough":
      return [...on, "iommu.passthrough=1"];
    case "strict":
      return [...on, "iommu.passthrough=0", "iommu.strict=1"];
    case "lazy":
      return [...on, "iommu.passthrough=0", "iommu.strict=0"];
  }
}
