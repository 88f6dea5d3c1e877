import type { Advice } from "../../advice/fix/advise.ts";
import type { ClassPair } from "../../advice/fix/pair-classes.ts";
import type { ProvedFix } from "../../advice/fix/prove.ts";
import { topologyOf } from "../../host/machine.ts";
import { formatBdf } from "../../pci/bdf.ts";
import { isUnknown } from "../../pci/known.ts";
import type { Topology } from "../../pci/topology.ts";
import { askingWaysJson } from "../asked-by.ts";
import { changeText } from "../change-text.ts";
import { roleOf } from "../device-names.ts";
import { groupChangesJson, verdictChangeJson } from "../difference.ts";
import { pairJson } from "../json.ts";
import type { FixJson } from "../json-types.ts";
import { machineJson, notesJson } from "../machine-json.ts";

/** `peerlane.fix/1`. */
export function fixJson(advice: Advice): FixJson {
  const topology = topologyOf(advice.machine);
  return {
    schema: "peerlane.fix/1",
    machine: machineJson(advice),
    pairs: advice.before.map((answer) => pairJson(answer, topology)),
    fixes: advice.fixes.map((fix) => ({
      kinds: fix.kinds,
      title: fix.title,
      changes: fix.changes.map(changeText),
      lasting: fix.lasting,
      steps: fix.steps,
      cautions: fix.cautions,
      pairs: fix.verdicts.map((answer) => pairJson(answer, topology)),
      otherVerdicts: fix.others.listed.map(verdictChangeJson),
      otherPairs: otherPairsJson(fix, topology),
      groups: isUnknown(fix.groups) ? fix.groups : groupChangesJson(fix.groups),
      isolationLost: isolationJson(fix, topology),
    })),
    bootLoader: advice.bootLoader,
    rejected: advice.rejected.map(({ title, why }) => ({ title, why })),
    searched: advice.searched,
    watched: advice.watched,
    remedies: advice.remedies.map(({ gate, remedy, isPossible }) => ({
      gate: gate.kind,
      message: gate.message,
      remedy,
      possible: isPossible,
    })),
    parameters: advice.parameters.map((effect) => ({ ...effect, devices: effect.devices.map(formatBdf) })),
    changedSinceBoot: advice.changedSinceBoot.map(({ device, bits }) => ({ device: formatBdf(device), bits })),
    asking: askingWaysJson(advice.machine, [...advice.before, ...advice.fixes.flatMap(({ verdicts }) => verdicts)]),
    notes: notesJson(advice.machine),
  };
}

function classPairJson(
  { first, second, pairs }: ClassPair,
  topology: Topology,
): {
  readonly providers: string;
  readonly clients: string;
  readonly pairs: number;
  readonly example: { readonly provider: string; readonly client: string };
} {
  return {
    providers: roleOf(topology.functionOf(first)),
    clients: roleOf(topology.functionOf(second)),
    pairs,
    example: { provider: formatBdf(first), client: formatBdf(second) },
  };
}

function otherPairsJson({ others }: ProvedFix, topology: Topology): FixJson["fixes"][number]["otherPairs"] {
  return {
    changed: others.count,
    hopsOnly: others.hopsOnly,
    localities: others.localities.map((one) => ({
      ...classPairJson(one, topology),
      before: one.before,
      after: one.after,
    })),
    ...(others.routes === null
      ? {}
      : {
          routes: others.routes.map((one) => ({
            ...classPairJson(one, topology),
            direction: one.direction,
            before: one.before,
            after: one.after,
          })),
        }),
    classes: others.classes.map((one) => ({ ...classPairJson(one, topology), before: one.before, after: one.after })),
  };
}

function isolationJson({ isolation }: ProvedFix, topology: Topology): FixJson["fixes"][number]["isolationLost"] {
  if (isUnknown(isolation)) return isolation;
  return {
    pairs: isolation.pairs,
    inTwoGroups: isolation.unseen,
    classes: isolation.classes.map(({ first, second, pairs }) => ({
      of: [roleOf(topology.functionOf(first)), roleOf(topology.functionOf(second))],
      pairs,
      example: [formatBdf(first), formatBdf(second)],
    })),
  };
}
