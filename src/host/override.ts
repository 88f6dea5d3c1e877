import { PeerlaneError } from "../pci/error.ts";
import { isUnknown, unknown } from "../pci/known.ts";
import { editedCommandLine } from "./command-line.ts";
import { withoutIommuMode } from "./iommu-mode.ts";
import type { Cpu, Iommu, IommuMode, Kernel, Machine } from "./machine.ts";
import { isScenario } from "./machine.ts";
import { CPU_PRESETS } from "./scenario/cpu-presets.ts";
import { iommuModeParameters, scenarioCpu, scenarioIommu, usualIommu } from "./scenario/system.ts";

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

/**
 * The machine with what the user says in place of what was read. A scenario is as if it had been written that way: what it
 * leaves open is said in its words, its IOMMU is that of its CPU unless it names another, and its command line is that of
 * its IOMMU's mode. Throws `usage` for words that are none of the above.
 */
export function withOverrides(machine: Machine, { kernel, cpu, iommu }: Overrides): Machine {
  let changed = machine;
  if (kernel !== undefined) changed = { ...changed, kernel: givenKernel(kernel, machine.kernel) };
  if (cpu !== undefined) changed = withCpu(changed, cpu);
  if (iommu === undefined) return changed;
  const mode = checkedMode(iommu);
  const used = isScenario(machine) ? withIommuMode(changed, mode) : { ...changed, iommu: givenIommu(mode, machine) };
  return mode === "off" ? withoutGroups(used) : used;
}

/** Without an IOMMU there are no groups. */
function withoutGroups(machine: Machine): Machine {
  const functions = machine.functions.map((fn) => (isUnknown(fn.iommuGroup) ? { ...fn, iommuGroup: null } : fn));
  return { ...machine, functions };
}

/** The machine booted with its IOMMU in another mode: with the parameters for that in place of those for another. */
export function withIommuMode(machine: Machine, name: string): Machine {
  return withParametersOf(machine, givenIommu(checkedMode(name), machine));
}

/**
 * The machine booted with its IOMMU in another mode by parameters that stand, or will stand, on its command line, whose
 * words stay. A scenario is as if its file named the mode.
 */
export function withModeByParameters(machine: Machine, name: string): Machine {
  const iommu = givenIommu(checkedMode(name), machine);
  const { commandLine } = machine.kernel;
  if (!isScenario(machine) || isUnknown(commandLine)) return { ...machine, iommu };
  const implied = impliedParameters(machine.iommu);
  const own = commandLine.startsWith(implied) ? commandLine.slice(implied.length).trim() : commandLine;
  const line = [impliedParameters(iommu), own].filter((part) => part !== "").join(" ");
  return { ...machine, iommu, kernel: { ...machine.kernel, commandLine: line } };
}

/** What a scenario's command line begins with for its IOMMU. */
function impliedParameters({ mode, kind }: Iommu): string {
  return isUnknown(mode) ? "" : iommuModeParameters(mode, isUnknown(kind) ? null : kind).join(" ");
}

function withCpu(machine: Machine, name: string): Machine {
  if (!isScenario(machine)) return { ...machine, cpu: presetCpu(name, false) };
  const changed = { ...machine, cpu: presetCpu(name, true) };
  const { kind, mode } = machine.iommu;
  const isUsual = (isUnknown(kind) ? null : kind) === usualIommu(machine.cpu);
  if (isUnknown(mode) || mode === "off" || !isUsual) return changed;
  return withParametersOf(changed, scenarioIommu({ mode, kind: usualIommu(changed.cpu) }));
}

/**
 * The machine with an IOMMU and the kernel parameters for it, in place of those that say another mode; those of a source that
 * hides them stay hidden.
 */
function withParametersOf(machine: Machine, iommu: Iommu): Machine {
  const { commandLine } = machine.kernel;
  if (isUnknown(commandLine) || isUnknown(iommu.mode)) return { ...machine, iommu };
  const words = iommuModeParameters(iommu.mode, isUnknown(iommu.kind) ? null : iommu.kind);
  const line = [...words, editedCommandLine(commandLine, withoutIommuMode)].filter((part) => part !== "").join(" ");
  return { ...machine, iommu, kernel: { ...machine.kernel, commandLine: line } };
}

function givenKernel(release: string, kernel: Kernel): Kernel {
  const config = isUnknown(kernel.config) ? kernel.config : unknown("--kernel names a release, not its configuration");
  return { ...kernel, release: checkedRelease(release), config };
}

/** A release as it was given; throws `usage` where it is none. */
export function checkedRelease(text: string): string {
  if (/^\d{1,3}\.\d{1,3}(?!\d)/.test(text)) return text;
  throw new PeerlaneError("usage", `'${text}' is no kernel release`, {
    remedy: "name it as uname -r does: 6.12 or 6.12.9-amd64",
  });
}

const modelNotGiven = unknown("--cpu names no model of CPU: give a source that shows it");
const familyNotGiven = unknown("--cpu names no family of CPU: give a source that shows it");

function presetCpu(name: string, isOfScenario: boolean): Cpu {
  const preset = Object.entries(CPU_PRESETS).find(([key]) => key === name)?.[1];
  if (preset !== undefined && (preset.vendor === null || isOfScenario)) return scenarioCpu(preset);
  if (preset !== undefined) return { ...preset, family: preset.family ?? familyNotGiven, model: modelNotGiven };
  throw new PeerlaneError("usage", `'${name}' is no CPU that --cpu knows`, {
    remedy: `there are: ${CPU_NAMES.join(", ")}`,
  });
}

function checkedMode(name: string): IommuMode {
  const mode = IOMMU_MODES.find((candidate) => candidate === name);
  if (mode !== undefined) return mode;
  throw new PeerlaneError("usage", `'${name}' is no IOMMU mode`, { remedy: `there are: ${IOMMU_MODES.join(", ")}` });
}

function givenIommu(mode: IommuMode, machine: Machine): Iommu {
  if (mode === "off") return { kind: "none", mode, groupTypes: new Map() };
  const { iommu, cpu } = machine;
  const isKindKnown = !isUnknown(iommu.kind) && iommu.kind !== "none";
  if (isScenario(machine) && !isKindKnown) return scenarioIommu({ mode, kind: usualIommu(cpu) });
  if (iommu.kind !== "none") return { ...iommu, mode };
  return { kind: unknown("--iommu names a mode, not the kind of IOMMU"), mode, groupTypes: typesToCome };
}

const typesToCome = unknown("--iommu names a mode, not the types of groups");
