import { Addresses } from "../../host/addresses.ts";
import type { Machine } from "../../host/machine.ts";
import { topologyOf } from "../../host/machine.ts";
import { redirects } from "../../pci/acs.ts";
import type { Bdf } from "../../pci/bdf.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown } from "../../pci/known.ts";
import { matchesDevice, parsePciParameters, readEntries } from "../../rules/kernel-parameters.ts";

/** What became of one entry of an ACS parameter on the machine's command line. */
export interface ParameterEffect {
  /** `pci=disable_acs_redir=0000:00:04.0`: one entry alone. */
  readonly parameter: string;
  /** The functions that it names and that have ACS. */
  readonly devices: readonly Bdf[];
  /**
   * `took-effect`: none of them redirects. `still-redirects`: one does all the same. `matches-nothing`: no function with
   * ACS is meant. `hidden`: the source does not show it.
   */
  readonly effect: "took-effect" | "still-redirects" | "matches-nothing" | "hidden";
}

/**
 * Checks each entry of `disable_acs_redir` against the registers as they are. Empty where the command line has none or
 * is hidden.
 */
export function parameterEffects(machine: Machine): readonly ParameterEffect[] {
  const { commandLine } = machine.kernel;
  if (isUnknown(commandLine)) return [];
  const texts = readEntries(commandLine, "disable_acs_redir");
  if (texts.length === 0) return [];
  const { disableAcsRedirect } = parsePciParameters(commandLine);
  const addresses = new Addresses(machine, topologyOf(machine));
  return disableAcsRedirect.map((device, index) => {
    const matches = machine.functions.map((fn) => ({ fn, isNamed: matchesDevice(device, fn, addresses) }));
    const named = matches.flatMap(({ fn, isNamed }) => (isNamed === true ? [fn] : []));
    const effect = effectOn(named);
    const isOpen = effect.effect === "matches-nothing" && matches.some(({ isNamed }) => isUnknown(isNamed));
    const parameter = `pci=disable_acs_redir=${texts[index] ?? ""}`;
    return { parameter, ...effect, ...(isOpen ? { effect: "hidden" } : {}) };
  });
}

function effectOn(named: readonly PciFunction[]): Pick<ParameterEffect, "devices" | "effect"> {
  const withAcs = named.filter((fn) => fn.acs !== null);
  const devices = withAcs.map((fn) => fn.bdf);
  if (withAcs.length === 0) return { devices, effect: "matches-nothing" };
  if (withAcs.some(({ acs }) => acs !== null && !isUnknown(acs) && redirects(acs))) {
    return { devices, effect: "still-redirects" };
  }
  return { devices, effect: withAcs.some(({ acs }) => acs !== null && isUnknown(acs)) ? "hidden" : "took-effect" };
}
