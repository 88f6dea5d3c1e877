import { kernelParameters } from "../../host/command-line.ts";
import { IOMMU_PARAMETERS, iommuParameters, turnedOff } from "../../host/iommu-mode.ts";
import type { Cpu, IommuMode, Machine } from "../../host/machine.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown } from "../../pci/known.ts";

/** What parameters of the IOMMU make of its mode. */
interface ParameterMode {
  readonly mode: IommuMode;
  /** Those of the IOMMU, without quotes. */
  readonly given: string;
}

/** One parameter of the IOMMU. */
interface IommuWord {
  readonly text: string;
  readonly name: string;
  readonly options: readonly string[];
}

/** Values whose whole effect on the mode is known: the kernel compares their first letters. */
const KNOWN_VALUES: Readonly<Record<string, RegExp>> = {
  iommu: /^(?:pt|nopt|off|force)|^on$/,
  intel_iommu: /^(?:on|off|strict|sm_on|sm_off)/,
  amd_iommu: /^(?:off|fullflush|pgtbl_v1|pgtbl_v2)|^on$/,
  "iommu.passthrough": /^(?:[01yn]|on|of)/i,
  "iommu.strict": /^(?:[01yn]|on|of)/i,
};

/**
 * How the IOMMU of this machine, which has `cpu`, is used with parameters behind its command line; `undefined` where none
 * of them is about that. Throws `usage` where it does not follow from them and the mode that it has.
 */
export function modeWithParameters(machine: Machine, cpu: Cpu, text: string): ParameterMode | undefined {
  const words = kernelParameters(text).flatMap(({ text: word, name, value }): IommuWord[] =>
    value === null || !IOMMU_PARAMETERS.has(name) ? [] : [{ text: word, name, options: value.split(",") }],
  );
  if (words.length === 0) return undefined;
  return { mode: modeWith(machine, cpu, words), given: textOf(words) };
}

function modeWith({ iommu, kernel }: Machine, cpu: Cpu, words: readonly IommuWord[]): IommuMode {
  const text = textOf(words);
  const strange = words.find(({ name, options }) => !options.every((each) => KNOWN_VALUES[name]?.test(each)));
  if (strange !== undefined) {
    throw refused(`'${strange.text}' sets how the IOMMU is used in a way that is not modelled`);
  }
  const asked = iommuParameters(text);
  const isOff = turnedOff(asked, cpu);
  if (isUnknown(isOff)) throw refused(isOff.unknown);
  if (isOff) return "off";
  const { mode } = iommu;
  if (isUnknown(mode)) throw refused(`'${text}' sets how the IOMMU is used, and ${mode.unknown}`);
  if (mode === "off") {
    const line = isUnknown(kernel.commandLine) ? "" : kernel.commandLine;
    const staysOff = turnedOff(iommuParameters(`${line} ${text}`), cpu) !== false;
    const turnsOn = words.some(({ name, options }) => name === "intel_iommu" && options.includes("on"));
    if (cpu.vendor !== "GenuineIntel" || !turnsOn || staysOff) {
      throw refused(`the IOMMU is off, and '${text}' does not turn it on`);
    }
  }
  if (asked.domainType === "passthrough") return "passthrough";
  if (asked.domainType === null && mode === "passthrough") return mode;
  const policy = asked.flushPolicy ?? (mode === "strict" || mode === "lazy" ? mode : null);
  if (policy !== null && (asked.domainType !== null || mode !== "off")) return policy;
  throw refused(`'${text}' leaves open how the IOMMU is used then: the kernel's configuration decides`);
}

function textOf(words: readonly IommuWord[]): string {
  return words.map(({ text }) => text).join(" ");
}

function refused(message: string): PeerlaneError {
  return new PeerlaneError("usage", `--append: ${message}`, {
    remedy: "ask with --iommu off, strict, lazy or passthrough instead",
  });
}
