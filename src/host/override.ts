import { PeerlaneError } from "../pci/error.ts";
import { unknown } from "../pci/known.ts";
import type { Cpu, Iommu, IommuMode, Machine } from "./machine.ts";
import { CPU_PRESETS } from "./scenario/cpu-presets.ts";

/** What a user says of a machine where its source does not, or to ask what if. */
export interface Overrides {
  /** A kernel release, `6.12` or `6.12.9-amd64`. */
  readonly kernel?: string;
  /** A preset: `amd-zen`, `amd-pre-zen`, `intel`, `arm`. */
  readonly cpu?: string;
  /** `off`, `strict`, `lazy` or `passthrough`. */
  readonly iommu?: string;
}

/** The names that `--cpu` takes. */
export const CPU_NAMES: readonly string[] = Object.keys(CPU_PRESETS);
/** The names that `--iommu` takes. */
export const IOMMU_MODES: readonly IommuMode[] = ["off", "strict", "lazy", "passthrough"];

/** The machine with what the user says in place of what was read. Throws `usage` for words that are none of the above. */
export function withOverrides(machine: Machine, { kernel, cpu, iommu }: Overrides): Machine {
  let changed = machine;
  if (kernel !== undefined) {
    const config = unknown("--kernel names a release, not its configuration");
    changed = { ...changed, kernel: { ...machine.kernel, release: checkedRelease(kernel), config } };
  }
  if (cpu !== undefined) changed = { ...changed, cpu: presetCpu(cpu) };
  if (iommu !== undefined) changed = { ...changed, iommu: givenIommu(iommu, machine.iommu) };
  return changed;
}

function checkedRelease(text: string): string {
  if (/^\d{1,3}\.\d{1,3}(?!\d)/.test(text)) return text;
  throw new PeerlaneError("usage", `'${text}' is no kernel release`, {
    remedy: "name it as uname -r does: 6.12 or 6.12.9-amd64",
  });
}

const modelNotGiven = unknown("--cpu names no model of CPU: give a source that shows it");
const familyNotGiven = unknown("--cpu names no family of CPU: give a source that shows it");

function presetCpu(name: string): Cpu {
  const preset = Object.entries(CPU_PRESETS).find(([key]) => key === name)?.[1];
  if (preset?.vendor === null) return preset;
  if (preset !== undefined) return { ...preset, family: preset.family ?? familyNotGiven, model: modelNotGiven };
  throw new PeerlaneError("usage", `'${name}' is no CPU that --cpu knows`, {
    remedy: `there are: ${CPU_NAMES.join(", ")}`,
  });
}

function givenIommu(name: string, iommu: Iommu): Iommu {
  const mode = IOMMU_MODES.find((candidate) => candidate === name);
  if (mode === undefined) {
    throw new PeerlaneError("usage", `'${name}' is no IOMMU mode`, { remedy: `there are: ${IOMMU_MODES.join(", ")}` });
  }
  if (mode === "off") return { ...iommu, kind: "none", mode };
  const kind = iommu.kind === "none" ? unknown("--iommu names a mode, not the kind of IOMMU") : iommu.kind;
  return { ...iommu, kind, mode };
}
