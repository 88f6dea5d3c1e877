import { iommuParameters } from "../host/iommu-mode.ts";
import type { Kernel, Machine } from "../host/machine.ts";
import { topologyOf } from "../host/machine.ts";
import { ACS_REDIRECT_BITS, type Acs, PCI_ACS_CR, PCI_ACS_RR, PCI_ACS_SV, PCI_ACS_UF } from "../pci/acs.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import type { AsksOfFunction } from "./acs-parameters.ts";
import { type AcsParameters, acsParameters } from "./acs-parameters.ts";
import { expectedGroupOf, expectedIommuGroups } from "./iommu-groups.ts";
import { rowsOf } from "./kernels/choose-rules.ts";
import { parseKernelRelease } from "./kernels/kernel-release.ts";
import type { AcsAtBoot, ConfigAcsReading } from "./kernels/kernel-rules.ts";
import { KERNEL_RULES } from "./kernels/mainline.ts";

/** What the kernel turns on wherever a function offers it, once an IOMMU driver asks (`pci_std_enable_acs`, 7.2). */
const ENABLED_WITH_IOMMU = PCI_ACS_SV | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF;

/** What a kernel does to ACS at boot (its row's `acsAtBoot` and `configAcs`). */
interface ParameterVariant {
  readonly acsAtBoot: AcsAtBoot;
  readonly configAcs: ConfigAcsReading;
}

const CLEARS: ParameterVariant = { acsAtBoot: "clears", configAcs: "unknown-parameter" };
const STARTS_FROM_FIRMWARE: ParameterVariant = { acsAtBoot: "starts-from-firmware", configAcs: "every-entry" };

/** One way in which a boot may have gone, as far as it decides ACS. */
export interface BootWorld {
  /** An IOMMU driver asks for ACS. */
  readonly asksForAcs: boolean;
  readonly variant: ParameterVariant;
}

/** True where two boots treat the parameters alike. */
export function sameVariant(a: BootWorld, b: BootWorld): boolean {
  return a.variant.acsAtBoot === b.variant.acsAtBoot && a.variant.configAcs === b.variant.configAcs;
}

/** All ways in which a boot may go: one where everything is known; `hidden` says why there are more. */
export interface BootWorlds {
  readonly worlds: readonly BootWorld[];
  readonly hidden: readonly string[];
}

/** Bits of an ACS control register, and those of them that are not known (which are 0 in `control`). */
export interface AcsBits {
  readonly control: number;
  readonly uncertain: number;
}

/**
 * The ACS control of one function after a boot, from what firmware left (`pci_enable_acs`, checked against Linux 6.1,
 * 6.12.107, 7.2 and 7.3).
 */
export function bootControl(world: BootWorld, asks: AsksOfFunction, capability: number, firmware: number): number {
  const { asksForAcs, variant } = world;
  let control = asksForAcs && !asks.enablesElsewhere ? firmware | (capability & ENABLED_WITH_IOMMU) : firmware;
  if (asks.disabled) control = configured(control, firmware, variant, ACS_REDIRECT_BITS, ~ACS_REDIRECT_BITS);
  if (asks.setting !== null && readsSetting(variant, asks)) {
    control = configured(control, firmware, variant, asks.setting.mask, asks.setting.flags);
  }
  // A bit that the capability does not offer is read-only zero, whatever is written to it.
  return control & capability;
}

function readsSetting({ configAcs }: ParameterVariant, { settingIsLate }: AsksOfFunction): boolean {
  return configAcs === "every-entry" || (configAcs === "first-entry" && !settingIsLate);
}

function configured(
  control: number,
  firmware: number,
  { acsAtBoot }: ParameterVariant,
  mask: number,
  flags: number,
): number {
  if (acsAtBoot === "clears") return control & ~mask;
  if (acsAtBoot === "starts-from-firmware") return (firmware & ~mask) | (flags & mask);
  return (control & ~mask) | (firmware & mask) | flags;
}

/** Works out the ways in which the machine's kernel may boot. */
export function bootWorlds({ iommu, kernel }: Pick<Machine, "iommu" | "kernel">): BootWorlds {
  const hidden: string[] = [];
  if (isUnknown(iommu.mode)) hidden.push(`ACS is set at boot by the IOMMU driver: ${iommu.mode.unknown}`);
  const asks = isUnknown(iommu.mode) || isAmdTurnedOff(iommu, kernel) ? [true, false] : [iommu.mode !== "off"];
  if (isAmdTurnedOff(iommu, kernel)) {
    hidden.push(
      "AMD's driver asks for ACS where it finds its table, also with amd_iommu=off: whether it did is not shown",
    );
  }
  const variants = variantsOf(kernel);
  if (variants.length > 1) {
    hidden.push(
      "what disable_acs_redir and config_acs do to ACS bits that firmware had set differs between the releases that this kernel may be",
    );
  }
  return {
    worlds: asks.flatMap((asksForAcs) => variants.map((variant) => ({ asksForAcs, variant }))),
    hidden,
  };
}

/** AMD's driver asks for ACS as soon as it finds its table, and only then reads `amd_iommu=off` (`detect_ivrs`, Linux 6.12). */
function isAmdTurnedOff({ mode }: Machine["iommu"], { commandLine }: Kernel): boolean {
  return mode === "off" && !isUnknown(commandLine) && iommuParameters(commandLine).off.has("amd_iommu");
}

function variantsOf({ release }: Kernel): readonly ParameterVariant[] {
  // MODEL: a kernel that the source hides is none of 6.11 to 6.14.1, which the advice says; else nothing could be advised
  // to anybody whose source does not name the kernel.
  if (isUnknown(release)) return [CLEARS, STARTS_FROM_FIRMWARE];
  const parsed = parseKernelRelease(release);
  const rows = parsed === undefined ? KERNEL_RULES : rowsOf(parsed).bootRows;
  // Before P2PDMA the first parameter already did what it does in the first row.
  if (rows.length === 0) return [CLEARS];
  const variants = new Map(
    rows.map(({ acsAtBoot, configAcs }) => [`${acsAtBoot} ${configAcs}`, { acsAtBoot, configAcs }]),
  );
  return [...variants.values()];
}

/** The bits on which all agree; where two differ a bit is uncertain. */
export function mergeBits(all: readonly AcsBits[]): AcsBits {
  const [first = { control: 0, uncertain: 0 }, ...rest] = all;
  let { control, uncertain } = first;
  for (const bits of rest) {
    uncertain |= bits.uncertain | (control ^ bits.control);
    control &= bits.control;
  }
  return { control: control & ~uncertain, uncertain };
}

/** What a boot makes of registers that are only partly known: each bit is on its own in {@link bootControl}. */
export function bootBits(world: BootWorld, asks: AsksOfFunction, capability: number, firmware: AcsBits): AcsBits {
  const low = bootControl(world, asks, capability, firmware.control);
  const high = bootControl(world, asks, capability, firmware.control | firmware.uncertain);
  return { control: low & high, uncertain: low ^ high };
}

/** Bits as the ACS of a function: unknown where they leave open whether it redirects. */
export function acsOfBits(acs: Acs, { control, uncertain }: AcsBits, hidden: readonly string[]): Known<Acs> {
  const isOpen = (control & ACS_REDIRECT_BITS) === 0 && (uncertain & ACS_REDIRECT_BITS) !== 0;
  if (isOpen) return unknown(hidden[0] ?? "what firmware left in the ACS control register is not known");
  const { capability, firmwareControl } = acs;
  return {
    capability,
    control,
    ...(uncertain === 0 ? {} : { uncertain }),
    ...(firmwareControl === undefined ? {} : { firmwareControl }),
  };
}

/**
 * The machine after the kernel's boot, given the machine as firmware leaves it: with an IOMMU in use (translating or
 * not) ACS is turned on, then `pci=disable_acs_redir=` and `pci=config_acs=` have their say. An ACS control that the
 * source gives as it is, as a dump of a running machine does, must not be passed through this.
 */
export function afterBoot(machine: Machine): Machine {
  const { worlds, hidden } = bootWorlds(machine);
  const parameters: AcsParameters = acsParameters(machine);
  const functions = machine.functions.map((fn) => {
    if (fn.acs === null || isUnknown(fn.acs)) return fn;
    const asks = parameters.asksOf(fn);
    if (isUnknown(asks)) return { ...fn, acs: asks };
    const firmware = { control: fn.acs.control, uncertain: 0 };
    const { capability } = fn.acs;
    const bits = mergeBits(worlds.map((world) => bootBits(world, asks, capability, firmware)));
    return { ...fn, acs: acsOfBits({ ...fn.acs, firmwareControl: firmware.control }, bits, hidden) };
  });
  return { ...machine, functions };
}

/** The machine with the IOMMU groups that its kernel forms at boot, where the source does not show them. */
export function withFormedGroups(machine: Machine): Machine {
  const groups = expectedIommuGroups(machine, topologyOf(machine));
  const functions = machine.functions.map((fn) => {
    if (!isUnknown(fn.iommuGroup)) return fn;
    return { ...fn, iommuGroup: expectedGroupOf(groups, fn) };
  });
  return { ...machine, functions };
}
