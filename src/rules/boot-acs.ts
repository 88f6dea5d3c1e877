import type { Kernel, Machine } from "../host/machine.ts";
import { topologyOf } from "../host/machine.ts";
import { ACS_REDIRECT_BITS, type Acs, PCI_ACS_CR, PCI_ACS_RR, PCI_ACS_SV, PCI_ACS_UF } from "../pci/acs.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import type { AsksOfFunction } from "./acs-parameters.ts";
import { type AcsParameters, acsParameters } from "./acs-parameters.ts";
import { expectedIommuGroups } from "./iommu-groups.ts";
import { releaseNumber } from "./release-number.ts";

/** What the kernel turns on wherever a function offers it, once an IOMMU driver asks (`pci_std_enable_acs`, 7.2). */
const ENABLED_WITH_IOMMU = PCI_ACS_SV | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF;

/**
 * What a release makes of `disable_acs_redir` and `config_acs`: up to 6.10 the first clears the redirect bits of what
 * the kernel itself had set, and the second does not exist; 6.12.23 and newer of that series, 7.2 and 7.3 put a function
 * back to what firmware left and change that; those between are known to have mixed the two for a while.
 */
type ParameterVariant = "clears" | "starts-from-firmware" | "mixes";

/** One way in which a boot may have gone, as far as it decides ACS. */
export interface BootWorld {
  /** An IOMMU driver asks for ACS. */
  readonly asksForAcs: boolean;
  readonly variant: ParameterVariant;
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
  let control = asksForAcs ? firmware | (capability & ENABLED_WITH_IOMMU) : firmware;
  if (asks.disabled) control = configured(control, firmware, variant, ACS_REDIRECT_BITS, ~ACS_REDIRECT_BITS);
  if (asks.setting !== null && variant !== "clears") {
    control = configured(control, firmware, variant, asks.setting.mask, asks.setting.flags);
  }
  // A bit that the capability does not offer is read-only zero, whatever is written to it.
  return control & capability;
}

function configured(control: number, firmware: number, variant: ParameterVariant, mask: number, flags: number): number {
  if (variant === "clears") return control & ~mask;
  if (variant === "starts-from-firmware") return (firmware & ~mask) | (flags & mask);
  return (control & ~mask) | (firmware & mask) | flags;
}

/** Works out the ways in which the machine's kernel may boot. */
export function bootWorlds({ iommu, kernel }: Pick<Machine, "iommu" | "kernel">): BootWorlds {
  const hidden: string[] = [];
  if (isUnknown(iommu.mode)) hidden.push(`ACS is set at boot by the IOMMU driver: ${iommu.mode.unknown}`);
  const asks = isUnknown(iommu.mode) ? [true, false] : [iommu.mode !== "off"];
  const variants = variantsOf(kernel);
  if (variants.length > 1) {
    hidden.push(
      "what disable_acs_redir and config_acs do to the other ACS bits differs between releases and was not checked in this one",
    );
  }
  return {
    worlds: asks.flatMap((asksForAcs) => variants.map((variant) => ({ asksForAcs, variant }))),
    hidden,
  };
}

function variantsOf({ release }: Kernel): readonly ParameterVariant[] {
  // As with the rules, a release that the source hides may be any of those that were checked.
  if (isUnknown(release)) return ["clears", "starts-from-firmware"];
  const series = releaseNumber(release);
  if (series === undefined) return ["clears", "starts-from-firmware", "mixes"];
  if (series < 6011) return ["clears"];
  const patch = Number(/^\d+\.\d+\.(\d+)/.exec(release)?.[1] ?? 0);
  if (series >= 7002 || (series === 6012 && patch >= 23)) return ["starts-from-firmware"];
  return ["clears", "starts-from-firmware", "mixes"];
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
    return { ...fn, iommuGroup: isUnknown(groups) ? groups : (groups.get(fn.bdf) ?? null) };
  });
  return { ...machine, functions };
}
