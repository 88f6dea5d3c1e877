import { type Known, type Unknown, unknown } from "../../pci/known.ts";
import type { Cpu, Iommu, IommuMode, Kernel } from "../machine.ts";
import type { Scenario, ScenarioCpu, ScenarioIommu } from "./scenario.ts";

/** CPU, kernel and IOMMU as a scenario states them; what it leaves out is unknown, with the key to add. */

/** Without an IOMMU there are no groups; with one, the kernel forms them. */
export const groupUnstated: Unknown = unknown("the kernel forms the groups at boot; state one with `iommuGroup:`");
const typesUnstated: Unknown = unknown("a scenario does not state the types of IOMMU groups");

function unstated(key: string): Unknown {
  return unknown(`the scenario does not say: add \`${key}:\``);
}

/** The CPU of `cpu:`. */
export function scenarioCpu(cpu: Omit<ScenarioCpu, "preset"> | null): Cpu {
  if (cpu === null) {
    const hidden = unstated("cpu");
    return { architecture: hidden, vendor: hidden, family: hidden, model: hidden, name: hidden };
  }
  const { architecture, vendor, family, model, name } = cpu;
  // Only x86 names vendor, family and model; on anything else their absence is the answer.
  const isNone = architecture !== null && architecture !== "x86_64";
  const stated = <T>(value: T | null, key: string): Known<T | null> =>
    value ?? (isNone ? null : unstated(`${key}:\` to \`cpu`));
  return {
    architecture: architecture ?? unstated("architecture:` to `cpu"),
    vendor: stated(vendor, "vendor"),
    family: stated(family, "family"),
    model: stated(model, "model"),
    name: stated(name, "name"),
  };
}

/** The kernel of `kernel:` and `cmdline:`, with the parameters that put the IOMMU into its mode before the file's own. */
export function scenarioKernel({ kernel, iommu, commandLine }: Scenario): Kernel {
  const implied = iommu === null ? [] : iommuModeParameters(iommu.mode, iommu.kind);
  return {
    release: kernel ?? unstated("kernel"),
    commandLine: [...implied, commandLine].filter((part) => part !== "").join(" "),
    config: unknown("a scenario does not state the kernel's configuration"),
  };
}

/** The IOMMU of `iommu:`. */
export function scenarioIommu(iommu: ScenarioIommu | null): Iommu {
  if (iommu === null) return { kind: unstated("iommu"), mode: unstated("iommu"), groupTypes: typesUnstated };
  if (iommu.mode === "off") return { kind: "none", mode: "off", groupTypes: new Map() };
  return { kind: iommu.kind ?? unstated("kind:` to `iommu"), mode: iommu.mode, groupTypes: typesUnstated };
}

/** The IOMMU of a CPU, where `iommu:` names a mode and no kind. */
export function usualIommu({
  vendor,
  architecture,
}: {
  readonly vendor: Known<string | null>;
  readonly architecture: Known<string | null>;
}): ScenarioIommu["kind"] {
  if (vendor === "GenuineIntel") return "intel";
  if (vendor === "AuthenticAMD") return "amd";
  return architecture === "aarch64" ? "arm-smmu" : null;
}

/**
 * The kernel parameters that put an IOMMU of a kind into a mode; none for `off`, which needs none where firmware offers
 * no IOMMU (Documentation/admin-guide/kernel-parameters, Linux 7.2).
 */
export function iommuModeParameters(mode: IommuMode, kind: string | null): readonly string[] {
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
