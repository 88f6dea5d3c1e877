import { iommuParameters, turnedOff } from "../../host/iommu-mode.ts";
import type { Cpu, IommuMode, Machine } from "../../host/machine.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown } from "../../pci/known.ts";

/** Kernel parameters, with those of the IOMMU apart. */
interface SplitParameters {
  /** How the IOMMU is used with them; `null` where they say nothing of it. */
  readonly mode: IommuMode | null;
  /** Those of the IOMMU as they were given. */
  readonly given: string;
  /** The others; `undefined` where there are none. */
  readonly others: string | undefined;
}

const IOMMU_WORD = /^(iommu|intel_iommu|amd_iommu|iommu\.passthrough|iommu\.strict)=(.*)$/;

/** Values whose whole effect on the mode is known. */
const KNOWN_VALUES: Readonly<Record<string, RegExp>> = {
  iommu: /^(?:pt|nopt|off|on|force)$/,
  intel_iommu: /^(?:on|off|strict|sm_on|sm_off)$/,
  amd_iommu: /^(?:on|off|fullflush|pgtbl_v1|pgtbl_v2)$/,
  "iommu.passthrough": /^(?:0|1|y|n|on|off)$/i,
  "iommu.strict": /^(?:0|1|y|n|on|off)$/i,
};

/**
 * Takes those of the IOMMU out of parameters for this machine, which has `cpu`. Throws `usage` where its mode with them
 * does not follow from them and the mode that it has.
 */
export function splitIommuParameters(machine: Machine, cpu: Cpu, text: string): SplitParameters {
  const words = text.split(/\s+/).filter((word) => word !== "");
  const end = words.includes("--") ? words.indexOf("--") : words.length;
  const isOfIommu = (word: string, index: number): boolean => index < end && IOMMU_WORD.test(word.replaceAll('"', ""));
  const given = words.filter(isOfIommu).map((word) => word.replaceAll('"', ""));
  if (given.length === 0) return { mode: null, given: "", others: text };
  const others = words.filter((word, index) => !isOfIommu(word, index)).join(" ");
  return {
    mode: modeWith(machine, cpu, given),
    given: given.join(" "),
    others: others === "" ? undefined : others,
  };
}

function modeWith({ iommu }: Machine, cpu: Cpu, given: readonly string[]): IommuMode {
  const text = given.join(" ");
  const strange = given.find((word) => {
    const [, name = "", value = ""] = IOMMU_WORD.exec(word) ?? [];
    return !value.split(",").every((each) => KNOWN_VALUES[name]?.test(each));
  });
  if (strange !== undefined) throw refused(`'${strange}' sets how the IOMMU is used in a way that is not modelled`);
  const asked = iommuParameters(text);
  const isOff = turnedOff(asked, cpu);
  if (isUnknown(isOff)) throw refused(isOff.unknown);
  if (isOff) return "off";
  const { mode } = iommu;
  if (isUnknown(mode)) throw refused(`'${text}' sets how the IOMMU is used, and ${mode.unknown}`);
  const turnsOn = cpu.vendor === "GenuineIntel" && given.some((word) => /^intel_iommu=(?:.*,)?on\b/.test(word));
  if (mode === "off" && !turnsOn) throw refused(`the IOMMU is off, and '${text}' does not turn it on`);
  if (asked.domainType === "passthrough") return "passthrough";
  if (asked.domainType === null && mode === "passthrough") return mode;
  const policy = asked.flushPolicy ?? (mode === "strict" || mode === "lazy" ? mode : null);
  if (policy !== null && (asked.domainType !== null || mode !== "off")) return policy;
  throw refused(`'${text}' leaves open how the IOMMU is used then: the kernel's configuration decides`);
}

function refused(message: string): PeerlaneError {
  return new PeerlaneError("usage", `--append: ${message}`, {
    remedy: "ask with --iommu off, strict, lazy or passthrough instead",
  });
}
