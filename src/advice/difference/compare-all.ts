import { type Machine, topologyOf } from "../../host/machine.ts";
import { type DeviceSelection, selectDevices } from "../../host/select.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { hasMemory } from "../../pci/peer-roles.ts";
import { type DecideOptions, decideAll, type VerdictTable } from "../../rules/verdict-table.ts";
import { type AnswerDifference, compareAnswers } from "./answers.ts";
import { groupsHidden } from "./groups.ts";
import { compareMachines, type MachineDifference } from "./machines.ts";
import { matchDevices } from "./match-devices.ts";
import { matchRecords, matchThrough } from "./matching.ts";
import { compareVerdicts, type VerdictChange } from "./verdicts.ts";

/** Two machines, each decided for the devices of interest of either, and all that differs. */
export interface WholeDifference {
  readonly before: VerdictTable;
  readonly after: VerdictTable;
  readonly difference: MachineDifference;
  readonly verdicts: readonly VerdictChange[];
  readonly answers: AnswerDifference;
}

/**
 * Compares two machines with all of their answers: those of devices that either side has, as a device that lost what it
 * provides has an answer all the same. `compared` are the machines whose facts are compared, where those
 * that are shown leave something out; `unchanged` is the second before what is asked of it, whose devices are then followed. `decided` is for whoever compares one
 * machine with many, and has its table already.
 */
export function compareAll(
  machines: readonly [before: Machine, after: Machine],
  compared: readonly [before: Machine, after: Machine] = machines,
  rules: Pick<DecideOptions, "rules"> = {},
  unchanged: Machine = machines[1],
  decided: (machine: Machine, options: DecideOptions) => VerdictTable = decideAll,
): WholeDifference {
  const [old, now] = machines;
  const [topology, asItWas] = [topologyOf(now), topologyOf(unchanged)];
  const asRead = matchDevices(topologyOf(old), asItWas);
  const matching = unchanged === now ? asRead : matchThrough(asRead, matchRecords(asItWas, topology));
  const [first, second] = [selectedOf(old), selectedOf(now)];
  const select = (role: "providers" | "clients"): readonly [readonly Bdf[], readonly Bdf[]] => {
    const earlier = second[role].flatMap((bdf) => matching.earlierOf(bdf) ?? []);
    const later = first[role].flatMap((bdf) => matching.laterOf(bdf) ?? []);
    return [union(first[role], earlier), union(second[role], later)];
  };
  const [providers, clients] = [select("providers"), select("clients")];
  const before = decided(old, { ...rules, providers: providers[0], clients: clients[0] });
  const after = decided(now, { ...rules, providers: providers[1], clients: clients[1] });
  const difference = compareMachines(matching.before, matching.after, compared, matching);
  const hidden = groupsHidden(old, now, matching);
  return {
    before,
    after,
    difference: hidden === undefined ? difference : { ...difference, groups: [...difference.groups, hidden] },
    verdicts: compareVerdicts(before, after, matching),
    answers: compareAnswers(before, after, matching),
  };
}

/** Devices of interest, each as a provider where it has memory at all: `explain` and policies ask of those, too. */
function selectedOf(machine: Machine): DeviceSelection {
  const { providers, clients } = selectDevices(machine, { all: false });
  const shown = new Set(clients);
  const withMemory = machine.functions.filter((fn) => shown.has(fn.bdf) && hasMemory(fn) !== false);
  return {
    providers: union(
      providers,
      withMemory.map(({ bdf }) => bdf),
    ),
    clients,
  };
}

function union(some: readonly Bdf[], others: readonly Bdf[]): readonly Bdf[] {
  return [...new Set([...some, ...others])].sort((a, b) => a - b);
}
