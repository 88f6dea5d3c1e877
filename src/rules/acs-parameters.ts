import { Addresses } from "../host/addresses.ts";
import type { Machine } from "../host/machine.ts";
import { topologyOf } from "../host/machine.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import { acsQuirk } from "./acs-quirks.ts";
import type { AcsSetting } from "./kernel-parameters.ts";
import { matchesDevice, namedBelow, type PciParameters, parsePciParameters } from "./kernel-parameters.ts";

/** What the parameters of a command line ask of one function. */
export interface AsksOfFunction {
  readonly disabled: boolean;
  readonly setting: AcsSetting | null;
  /** An entry of `config_acs` that sets or clears bits stands in front of the one that names this function. */
  readonly settingIsLate: boolean;
  /**
   * The IOMMU driver's ACS goes into registers of its own, not into those of the capability, which the rules read
   * (`pci_quirk_enable_intel_spt_pch_acs`, Linux 7.3).
   */
  readonly enablesElsewhere: boolean;
}

const NO_PARAMETERS: PciParameters = { disableAcsRedirect: [], configAcs: [], misread: [] };

/** What a machine's command line asks of its functions. */
export interface AcsParameters {
  /** Unknown where a parameter names devices by ids that the source hides, or by addresses that a move leaves open. */
  asksOf(fn: PciFunction): Known<AsksOfFunction>;
  /** What is asked, by address or path, of whatever comes below a bridge: a place for each entry and the `devfn` that it names. */
  asksBelow(bridge: PciFunction): readonly string[];
}

/** Reads the ACS parameters of a machine's command line; a hidden command line counts as one without them. */
export function acsParameters(machine: Machine): AcsParameters {
  const { commandLine } = machine.kernel;
  const parameters = isUnknown(commandLine) ? NO_PARAMETERS : parsePciParameters(commandLine);
  const addresses = new Addresses(machine, topologyOf(machine));
  const entries = [...parameters.disableAcsRedirect, ...parameters.configAcs.map(({ device }) => device)];
  return {
    asksOf: (fn) => asksOf(parameters, fn, addresses),
    asksBelow: (bridge) =>
      entries.flatMap((match, place) => {
        const devfn = namedBelow(match, bridge, addresses);
        return devfn === undefined ? [] : [`${place} ${devfn}`];
      }),
  };
}

function asksOf(
  { disableAcsRedirect, configAcs }: PciParameters,
  fn: PciFunction,
  addresses: Addresses,
): Known<AsksOfFunction> {
  const disabled = firstMatch(disableAcsRedirect, (device) => matchesDevice(device, fn, addresses));
  if (isUnknown(disabled)) return disabled;
  const setting = firstMatch(configAcs, ({ device }) => matchesDevice(device, fn, addresses));
  if (isUnknown(setting)) return setting;
  const quirk = acsQuirk(fn);
  if (isUnknown(quirk)) return quirk;
  const before = setting === null ? [] : configAcs.slice(0, configAcs.indexOf(setting));
  return {
    disabled: disabled !== null,
    setting,
    settingIsLate: before.some(({ mask }) => mask !== 0),
    enablesElsewhere: quirk === "registers-elsewhere",
  };
}

/** The kernel takes the first entry that matches. */
function firstMatch<T>(entries: readonly T[], matches: (entry: T) => Known<boolean>): Known<T | null> {
  for (const entry of entries) {
    const isMatch = matches(entry);
    if (isUnknown(isMatch)) return isMatch;
    if (isMatch) return entry;
  }
  return null;
}
