import { Addresses } from "../../host/addresses.ts";
import { type KernelParameter, kernelParameters } from "../../host/command-line.ts";
import { IOMMU_PARAMETERS } from "../../host/iommu-mode.ts";
import type { Machine, Note } from "../../host/machine.ts";
import { topologyOf } from "../../host/machine.ts";
import { nearest } from "../../host/yaml/did-you-mean.ts";
import { isUnknown } from "../../pci/known.ts";
import {
  matchesDevice,
  misreadParameters,
  parsePciParameters,
  pciOptions,
  readEntries,
  uselessParameters,
} from "../../rules/kernel-parameters.ts";
import { KNOWN_PCI_OPTIONS, unknownPciOptions } from "../../rules/pci-options.ts";

/** Parameters that decide something here, as people misspell them. */
const DECIDING: readonly string[] = [...IOMMU_PARAMETERS, "pci", "pcie_acs_override"];

/**
 * What of the parameters that a user asks about does nothing, or not what was meant: names that are nearly one that decides
 * something, words of `pci=` that Linux does not have, lists that it reads otherwise, and entries of its lists that are no
 * function of this machine.
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
  const read = [...misreadParameters(parameters), ...uselessParameters(parameters), ...withoutList(parameters)];
  const misread = read.map((message): Note => ({ severity: "warning", message: `--append: ${message}` }));
  return [...misspelt(parameters), ...unknownWords, ...misread, ...entriesOfNobody(machine, parameters)];
}

/**
 * Which of some parameters change nothing, as far as the machine is shown: without them it is as with all. `withOnly` is the
 * machine with others in their place, `null` where those say nothing that can be followed. The last ones are tried first, so
 * that of two that do the same the first counts.
 */
export function idleNotes(
  machine: Machine,
  parameters: string,
  withOnly: (parameters: string) => Machine | null,
): readonly Note[] {
  // A list may change registers that the source hides, or of functions that it leaves out.
  const isHidden =
    machine.functionsMayBeMissing !== undefined ||
    machine.functions.some(({ acs }) => isUnknown(acs)) ||
    isUnknown(machine.iommu.mode);
  if (isHidden) return [];
  const state = stateOf(machine);
  const idle: KernelParameter[] = [];
  const all = kernelParameters(parameters);
  let kept = all;
  for (const parameter of all.toReversed()) {
    const { name, word } = parameter;
    // One of a module may change what its driver does; of others more is said than that they do nothing.
    const isOfModule = name.includes(".") && !IOMMU_PARAMETERS.has(name);
    if (isOfModule || parameterNotes(machine, word).length > 0) continue;
    const others = kept.filter((other) => other !== parameter);
    const without = withOnly(others.map((other) => other.word).join(" "));
    if (without === null || stateOf(without) !== state) continue;
    kept = others;
    idle.unshift(parameter);
  }
  // Beside words that decide something, those that are about something else are no news.
  const told = idle.length === all.length ? idle : idle.filter(({ name }) => DECIDING.includes(name));
  if (told.length === 0) return [];
  const [verb, them] = told.length === 1 ? ["changes", "it"] : ["change", "them"];
  const said = `${told.map(({ text }) => `'${text}'`).join(", ")} ${verb} nothing on this machine`;
  const message = `--append: ${said}: the IOMMU and ACS of every function are as without ${them}`;
  return [{ severity: "warning", message }];
}

function stateOf({ iommu, functions }: Machine): string {
  const bits = functions.map(({ acs }) =>
    isUnknown(acs) || acs === null ? "" : `${acs.control} ${acs.uncertain ?? 0}`,
  );
  return [String(iommu.mode), ...bits].join("\n");
}

function misspelt(parameters: string): readonly Note[] {
  return kernelParameters(parameters).flatMap(({ text, name, value }): Note[] => {
    if (value === null || DECIDING.includes(name)) return [];
    const near = nearest(name, DECIDING);
    // Names of three letters are near too many others: pti=off, psi=off.
    const option = value.split(/[,=]/, 1)[0] ?? "";
    const isMeant = near !== "pci" || (option !== "off" && KNOWN_PCI_OPTIONS.includes(option));
    if (near === undefined || !isMeant) return [];
    return [
      {
        severity: "warning",
        message: `--append: '${text}' is no parameter that decides anything here`,
        remedy: `did you mean '${near}=${value}'?`,
      },
    ];
  });
}

/** Lists of `pci=` with nothing in them. */
function withoutList(parameters: string): readonly string[] {
  return pciOptions(parameters)
    .flat()
    .filter((option) => /^(?:disable_acs_redir|config_acs)=?$/.test(option))
    .map(
      (option) => `'${option}' in pci= names no device, and does nothing: it wants ${LISTS[option.replace("=", "")]}`,
    );
}

const LISTS: Readonly<Record<string, string>> = {
  disable_acs_redir: "disable_acs_redir=ADDRESS;ADDRESS…",
  config_acs: "config_acs=BITS@ADDRESS;…",
};

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
