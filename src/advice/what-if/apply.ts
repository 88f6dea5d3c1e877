import type { Machine } from "../../host/machine.ts";
import { topologyOf } from "../../host/machine.ts";
import { withIommuMode, withModeByParameters, withOverrides } from "../../host/override.ts";
import { ACS_LETTERS } from "../../pci/acs.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import { afterBoot } from "../../rules/boot-acs.ts";
import { expectedIommuGroups } from "../../rules/iommu-groups.ts";
import { reboot, withDoubtedGroups, withoutGroups } from "../reboot.ts";
import { type Change, needsReboot } from "./change.ts";
import { withMoves } from "./move.ts";
import { withNewAddresses } from "./renumber.ts";
import { withSwitchCards } from "./switch-card.ts";

/**
 * The machine as it would be with all of `changes`: what takes hold at a boot first, with ACS as the kernel then makes it
 * and IOMMU groups to be formed anew, and register writes on top, which leave the groups as they were formed. Throws
 * `usage` for what cannot be done to this machine.
 */
export function applyChanges(machine: Machine, changes: readonly Change[]): Machine {
  if (!changes.some(needsReboot)) return written(plannedMachine(machine, changes), changes);
  return written(reboot(machine, plannedMachine(doubted(machine), changes)), changes);
}

/** The same of a machine as firmware leaves it, as a scenario is: changed, and then booted for the first time. */
export function bootChanged(firmware: Machine, changes: readonly Change[]): Machine {
  if (!changes.some(needsReboot)) return written(afterBoot(plannedMachine(firmware, changes)), changes);
  const known = withDoubtedGroups(firmware, () => afterBoot(withoutGroups(firmware)));
  return written(afterBoot(withoutGroups(plannedMachine(known, changes))), changes);
}

const doubtedMachines = new WeakMap<Machine, Machine>();

/** {@link withDoubtedGroups} of a running machine, worked out once for all that is tried on it. */
function doubted(machine: Machine): Machine {
  let known = doubtedMachines.get(machine);
  if (known === undefined) {
    known = withDoubtedGroups(machine, () => reboot(machine, machine));
    doubtedMachines.set(machine, known);
  }
  return known;
}

/** The machine as it goes into its boot. */
function plannedMachine(machine: Machine, changes: readonly Change[]): Machine {
  const cards = changes.flatMap((change) => (change.kind === "switch-card" ? [change] : []));
  const moves = changes.flatMap((change) => (change.kind === "move" ? [change] : []));
  const asked = changes.reduce(withFact, machine);
  return withNewAddresses(asked, withMoves(withSwitchCards(asked, cards), moves));
}

function written(machine: Machine, changes: readonly Change[]): Machine {
  const writes = changes.flatMap((change) => (change.kind === "acs" ? [change] : []));
  if (writes.length === 0) return machine;
  const areShown = machine.functions.every((fn) => !isUnknown(fn.iommuGroup));
  const groupsAtBoot = areShown ? undefined : expectedIommuGroups(machine, topologyOf(machine));
  return writes.reduce(withAcs, groupsAtBoot === undefined ? machine : { ...machine, groupsAtBoot });
}

function withFact(machine: Machine, change: Change): Machine {
  switch (change.kind) {
    case "kernel":
      return withOverrides(machine, { kernel: change.release });
    case "cpu":
      return withOverrides(machine, { cpu: change.name });
    case "iommu":
      return change.byParameters === true
        ? withModeByParameters(machine, change.mode)
        : withIommuMode(machine, change.mode);
    case "parameters": {
      const { kernel } = machine;
      const { commandLine } = kernel;
      const more = isUnknown(commandLine) ? { moreOnCommandLine: commandLine } : {};
      return { ...machine, kernel: { ...kernel, ...more, commandLine: appendParameters(commandLine, change.text) } };
    }
    default:
      return machine;
  }
}

function withAcs(machine: Machine, { device, set, clear }: Extract<Change, { kind: "acs" }>): Machine {
  const functions = machine.functions.map((fn) => (fn.bdf === device ? writtenAcs(fn, set, clear) : fn));
  return { ...machine, functions };
}

function writtenAcs(fn: PciFunction, set: number, clear: number): PciFunction {
  const { acs } = fn;
  if (acs === null) throw refused(fn.bdf, "has no ACS capability: there is nothing to set");
  if (isUnknown(acs)) throw refused(fn.bdf, `hides its ACS: ${acs.unknown}`);
  const offered = acs.capabilityHidden === true ? 0x7f : acs.capability;
  const missing = ACS_LETTERS.filter((_, position) => ((set & ~offered) >> position) & 1);
  if (missing.length > 0) {
    throw refused(fn.bdf, `cannot set ${missing.join(", ")}: its ACS capability does not offer that`);
  }
  const uncertain = (acs.uncertain ?? 0) & ~(set | clear);
  const { uncertain: _, ...rest } = acs;
  const control = (acs.control & ~clear) | set;
  return { ...fn, acs: { ...rest, control, ...(uncertain === 0 ? {} : { uncertain }) } };
}

function refused(device: Bdf, message: string): PeerlaneError {
  return new PeerlaneError("usage", `${formatBdf(device)} ${message}`, {
    remedy: "peerlane tree shows which functions have ACS",
  });
}

/** A command line with more parameters behind it; one that the source hides is taken to be empty. */
function appendParameters(commandLine: Known<string>, parameters: string): string {
  return isUnknown(commandLine) || commandLine.trim() === "" ? parameters : `${commandLine.trim()} ${parameters}`;
}
