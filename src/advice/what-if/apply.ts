import type { Machine } from "../../host/machine.ts";
import { withOverrides } from "../../host/override.ts";
import { ACS_LETTERS } from "../../pci/acs.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import { reboot } from "../reboot.ts";
import { type Change, needsReboot } from "./change.ts";
import { withMoves } from "./move.ts";
import { withSwitchCards } from "./switch-card.ts";

/**
 * The machine as it would be with all of `changes`: what takes hold at a boot first, with ACS and IOMMU groups as the
 * kernel then makes them, and register writes on top, which leave the groups as they were formed. Throws `usage` for
 * what cannot be done to this machine.
 */
export function applyChanges(machine: Machine, changes: readonly Change[]): Machine {
  const planned = changes.reduce(withFact, machine);
  const moved = withMoves(
    withSwitchCards(
      planned,
      changes.flatMap((change) => (change.kind === "switch-card" ? [change] : [])),
    ),
    changes.flatMap((change) => (change.kind === "move" ? [change] : [])),
  );
  const booted = changes.some(needsReboot) ? reboot(machine, moved) : moved;
  return changes.reduce((written, change) => (change.kind === "acs" ? withAcs(written, change) : written), booted);
}

function withFact(machine: Machine, change: Change): Machine {
  switch (change.kind) {
    case "kernel":
      return withOverrides(machine, { kernel: change.release });
    case "cpu":
      return withOverrides(machine, { cpu: change.name });
    case "iommu":
      return withOverrides(machine, { iommu: change.mode });
    case "parameters": {
      const { kernel } = machine;
      return { ...machine, kernel: { ...kernel, commandLine: appendParameters(kernel.commandLine, change.text) } };
    }
    default:
      return machine;
  }
}

function withAcs(machine: Machine, { device, set, clear }: Extract<Change, { kind: "acs" }>): Machine {
  const functions = machine.functions.map((fn) => (fn.bdf === device ? written(fn, set, clear) : fn));
  return { ...machine, functions };
}

function written(fn: PciFunction, set: number, clear: number): PciFunction {
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
