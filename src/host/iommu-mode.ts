import { isUnknown, type Known, unknown } from "../pci/known.ts";
import { type KernelParameter, kernelParameters } from "./command-line.ts";
import type { Cpu, Iommu, IommuKind, IommuMode, Kernel } from "./machine.ts";

/** Whether DMA goes through page tables by default. */
type DomainType = "passthrough" | "translated";
/** When a translation that is no longer needed stops to hold. */
type FlushPolicy = "strict" | "lazy";

/** What a source says of how the IOMMU is used; absent where it says nothing. */
export interface IommuSigns {
  readonly kernel: Kernel;
  readonly cpu: Cpu;
  /** Why a driver is known to use an IOMMU: `the text lists its groups`. */
  readonly inUse?: string;
  readonly kind?: IommuKind;
  /** As the kernel's log has them. */
  readonly domainType?: DomainType;
  readonly flushPolicy?: FlushPolicy;
  /** The way to know what is hidden. */
  readonly remedy: string;
}

/** What a command line asks of the IOMMU, the last parameter of a kind as the kernel takes it. */
interface IommuParameters {
  /** Parameters that turn an IOMMU off. */
  readonly off: ReadonlySet<"iommu" | "intel_iommu" | "amd_iommu">;
  readonly domainType: DomainType | null;
  readonly flushPolicy: FlushPolicy | null;
}

/** The parameters that set how the IOMMU is used. */
export const IOMMU_PARAMETERS: ReadonlySet<string> = new Set([
  "iommu",
  "intel_iommu",
  "amd_iommu",
  "iommu.passthrough",
  "iommu.strict",
]);

// The kernel looks at the first letters alone (`kstrtobool`).
const YES = /^(?:1|y|on)/i;
const NO = /^(?:0|n|of)/i;

/** Options of a parameter that set the mode; the kernel compares as many letters as they have (`iommu=ptt` is `pt`). */
const MODE_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  iommu: ["off", "pt", "nopt"],
  intel_iommu: ["on", "off", "strict"],
  amd_iommu: ["fullflush", "off"],
};

/** The option of a parameter that sets the mode, as the kernel takes it; `undefined` for others. */
function modeOption(name: string, option: string): string | undefined {
  return MODE_OPTIONS[name]?.find((known) => option.startsWith(known));
}

/** A word of a command line without what it says of the mode; `null` where nothing is left of it. */
export function withoutIommuMode({ word, name, value }: KernelParameter): string | null {
  if (!IOMMU_PARAMETERS.has(name) || value === null) return word;
  const options = value.split(",");
  const others =
    MODE_OPTIONS[name] === undefined ? [] : options.filter((option) => modeOption(name, option) === undefined);
  if (others.length === options.length) return word;
  return others.length === 0 ? null : `${name}=${others.join(",")}`;
}

/**
 * Reads `iommu=`, `intel_iommu=`, `amd_iommu=`, `iommu.passthrough=` and `iommu.strict=` in their order (`iommu_setup`,
 * `intel_iommu_setup`, `parse_amd_iommu_options` and the IOMMU core, Linux 6.12). Only `intel_iommu=on` takes an `off` of
 * its own back: `iommu=force` leaves `no_iommu` as it is, and `amd_iommu=` has no `on`.
 */
export function iommuParameters(commandLine: string): IommuParameters {
  const off = new Set<"iommu" | "intel_iommu" | "amd_iommu">();
  let domainType: DomainType | null = null;
  let flushPolicy: FlushPolicy | null = null;
  for (const { name, value } of kernelParameters(commandLine)) {
    if (value === null) continue;
    if (name === "iommu.passthrough") {
      if (YES.test(value)) domainType = "passthrough";
      else if (NO.test(value)) domainType = "translated";
    } else if (name === "iommu.strict") {
      if (YES.test(value)) flushPolicy = "strict";
      else if (NO.test(value)) flushPolicy = "lazy";
    } else if (name === "iommu" || name === "intel_iommu" || name === "amd_iommu") {
      for (const given of value.split(",")) {
        const option = modeOption(name, given);
        if (option === "off") off.add(name);
        else if (option === "on" && name === "intel_iommu") off.delete(name);
        else if (name === "iommu" && option === "pt") domainType = "passthrough";
        else if (name === "iommu" && option === "nopt") domainType = "translated";
        else if (option === "strict" && name === "intel_iommu") flushPolicy = "strict";
        else if (option === "fullflush" && name === "amd_iommu") flushPolicy = "strict";
      }
    }
  }
  return { off, domainType, flushPolicy };
}

/** Kind and mode of the IOMMU from command line, configuration, messages of the kernel and groups. */
export function iommuBySigns(signs: IommuSigns): Pick<Iommu, "kind" | "mode"> {
  const { kernel, cpu, inUse, remedy } = signs;
  const asked = iommuParameters(isUnknown(kernel.commandLine) ? "" : kernel.commandLine);
  const kind = signs.kind ?? unknown(`the source does not show the kind of IOMMU: ${remedy}`);
  if (inUse !== undefined) return { kind, mode: modeInUse(signs, asked, inUse) };
  const isOff = turnedOff(asked, cpu);
  if (isOff === true) return { kind: "none", mode: "off" };
  if (isUnknown(isOff)) return { kind, mode: isOff };
  const wanted = asked.domainType ?? signs.domainType;
  const says = wanted === undefined || wanted === null ? "" : `, which would ${WANTED[wanted]}`;
  return { kind, mode: unknown(`the source does not show whether an IOMMU is in use${says}: ${remedy}`) };
}

const WANTED: Readonly<Record<DomainType, string>> = {
  passthrough: "pass addresses through",
  translated: "translate",
};

/** Whether parameters turn the IOMMU of this CPU off. */
export function turnedOff({ off }: Pick<IommuParameters, "off">, { architecture, vendor }: Cpu): Known<boolean> {
  if (off.size === 0 || (!isUnknown(architecture) && !/^(?:x86|i[3-6]86|amd64)/.test(architecture))) return false;
  if (off.has("iommu") || (off.has("intel_iommu") && off.has("amd_iommu"))) return true;
  const [name, maker] = off.has("intel_iommu") ? ["intel_iommu", "GenuineIntel"] : ["amd_iommu", "AuthenticAMD"];
  if (isUnknown(vendor))
    return unknown(`${name}=off turns the IOMMU of one vendor off, and the source hides the CPU's`);
  return vendor === maker;
}

function modeInUse(signs: IommuSigns, asked: IommuParameters, inUse: string): Known<IommuMode> {
  const { kernel, remedy } = signs;
  const config = isUnknown(kernel.config) ? null : kernel.config;
  const byConfig = config === null ? null : domainTypeOf(config);
  const domainType = signs.domainType ?? asked.domainType ?? byConfig;
  if (domainType === null)
    return unknown(`an IOMMU is in use (${inUse}), and whether it translates is not shown: ${remedy}`);
  if (domainType === "passthrough") return "passthrough";
  const policy = signs.flushPolicy ?? asked.flushPolicy ?? (config === null ? null : flushPolicyOf(config));
  return policy ?? unknown(`an IOMMU translates (${inUse}), and whether strict or lazy is not shown: ${remedy}`);
}

function domainTypeOf(config: Readonly<Record<string, string>>): DomainType {
  return config["CONFIG_IOMMU_DEFAULT_PASSTHROUGH"] === "y" ? "passthrough" : "translated";
}

function flushPolicyOf(config: Readonly<Record<string, string>>): FlushPolicy | null {
  if (config["CONFIG_IOMMU_DEFAULT_DMA_STRICT"] === "y") return "strict";
  return config["CONFIG_IOMMU_DEFAULT_DMA_LAZY"] === "y" ? "lazy" : null;
}
