import { Addresses } from "../../host/addresses.ts";
import type { Machine, Note } from "../../host/machine.ts";
import { topologyOf } from "../../host/machine.ts";
import { nearest } from "../../host/yaml/did-you-mean.ts";
import { matchesDevice, parsePciParameters, readEntries } from "../../rules/kernel-parameters.ts";
import { KNOWN_PCI_OPTIONS, unknownPciOptions } from "../../rules/pci-options.ts";

/**
 * What of the parameters that a user asks about does nothing: words of `pci=` that Linux does not have, and entries of its
 * lists that are no function of this machine.
 */
export function parameterNotes(machine: Machine, parameters: string): readonly Note[] {
  const unknownWords = unknownPciOptions(parameters).map((word): Note => {
    const near = nearest(word, KNOWN_PCI_OPTIONS);
    return {
      severity: "warning",
      message: `--append: Linux has no '${word}' in pci=, and ignores it`,
      remedy: near === undefined ? "look it up in the kernel's list of parameters" : `did you mean '${near}'?`,
    };
  });
  return [...unknownWords, ...entriesOfNobody(machine, parameters)];
}

function entriesOfNobody(machine: Machine, parameters: string): readonly Note[] {
  // A source that leaves functions out may leave out just this one.
  if (machine.functionsMayBeMissing !== undefined) return [];
  const addresses = new Addresses(machine, topologyOf(machine));
  return (["disable_acs_redir", "config_acs"] as const).flatMap((name) =>
    readEntries(parameters, name).flatMap((entry): Note[] => {
      const { disableAcsRedirect, configAcs } = parsePciParameters(`pci=${name}=${entry}`);
      const match = disableAcsRedirect[0] ?? configAcs[0]?.device;
      if (match === undefined || machine.functions.some((fn) => matchesDevice(match, fn, addresses) !== false))
        return [];
      return [
        {
          severity: "warning",
          message: `--append: '${entry}' in pci=${name}= is no function of this machine, and does nothing`,
          remedy: "peerlane tree shows the addresses of its bridges",
        },
      ];
    }),
  );
}
