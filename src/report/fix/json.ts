import type { VerdictChange } from "../../advice/difference/verdicts.ts";
import type { Advice } from "../../advice/fix/advise.ts";
import type { RejectedIdea } from "../../advice/fix/attempts.ts";
import type { ClassPair } from "../../advice/fix/pair-classes.ts";
import type { ProvedFix } from "../../advice/fix/prove.ts";
import type { Answer } from "../../answers/answer.ts";
import { topologyOf } from "../../host/machine.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { isUnknown } from "../../pci/known.ts";
import type { Topology } from "../../pci/topology.ts";
import type { RulesChoice } from "../../rules/kernels/choose-rules.ts";
import { askingWaysJson } from "../asked-by.ts";
import { changeText } from "../change-text.ts";
import { roleOf } from "../device-names.ts";
import { groupChangesJson, verdictChangeJson } from "../difference.ts";
import { nameJson } from "../json.ts";
import type {
  FixJson,
  LikelyFixJson,
  MatrixPairJson,
  NamedDeviceJson,
  NamedPairJson,
  OtherVerdictJson,
  ProvedFixJson,
} from "../json-types.ts";
import { machineJson, notesJson } from "../machine-json.ts";
import { decidedBy } from "../reasons.ts";
import { plainText } from "../rich.ts";
import { SharedParts } from "../shared-parts.ts";
import { countsText, likelyOf } from "./proposal.ts";

/** `peerlane.fix/2`: the pairs as they are, what would help them, and what does not; what pairs have in common stands once. */
export function fixJson(advice: Advice): FixJson {
  const topology = topologyOf(advice.machine);
  const shared = new SharedParts(topology);
  const pairsOf = (answers: readonly Answer[], rules: RulesChoice): readonly MatrixPairJson[] => {
    const by = decidedBy(advice.machine, rules);
    return answers.flatMap((answer) => (answer.provider === answer.client ? [] : [shared.pair(answer, by)]));
  };
  const pairs = pairsOf(advice.before, advice.rules);
  const proposals = [
    ...advice.fixes.map((fix): ProvedFixJson => provedJson(fix, pairsOf(fix.verdicts, fix.rules), topology)),
    ...advice.rejected.flatMap((idea) => likelyJson(idea, shared)),
  ];
  const remedies = advice.remedies.map(({ gate, remedy, isPossible }) => ({
    gate: shared.gateAt(gate),
    remedy,
    possible: isPossible,
  }));
  return {
    schema: "peerlane.fix/2",
    machine: machineJson(advice),
    pairs,
    nearer: advice.nearer.map(({ of, devices, reach, isRedirected }) => ({
      of: namedJson(of, topology),
      devices: devices.map((bdf) => namedJson(bdf, topology)),
      mapType: reach.mapType,
      hops: reach.hops,
      isRedirected,
    })),
    proposals,
    reasons: shared.reasons,
    hidden: shared.hidden,
    gates: shared.gates,
    bootLoader: advice.bootLoader,
    rejected: advice.rejected.flatMap(({ title, why, unproved }) => (unproved === null ? [{ title, why }] : [])),
    searched: advice.searched,
    watched: advice.watched,
    remedies,
    parameters: advice.parameters.map((effect) => ({
      ...effect,
      devices: effect.devices.map((bdf) => namedJson(bdf, topology)),
    })),
    changedSinceBoot: advice.changedSinceBoot.map(({ device, bits }) => ({
      device: namedJson(device, topology),
      bits,
    })),
    asking: askingWaysJson(advice.machine, shared.asked),
    notes: notesJson(advice.machine),
  };
}

function provedJson(fix: ProvedFix, pairs: readonly MatrixPairJson[], topology: Topology): ProvedFixJson {
  return {
    outcome: "proved",
    why: plainText(countsText(fix)),
    kinds: fix.kinds,
    title: fix.title,
    ...(fix.titleByIds === undefined ? {} : { titleByIds: fix.titleByIds }),
    changes: fix.changes.map(changeText),
    lasting: fix.lasting,
    steps: fix.steps,
    cautions: fix.cautions,
    pairs,
    directByVerdictAlone: { pairs: fix.goingUp.pairs, directWithPassthrough: fix.goingUp.freed },
    carries: fix.carries.map(({ write, read, ...pair }) => ({ ...classPairJson(pair, topology), write, read })),
    otherVerdicts: fix.others.listed.map((change) => otherVerdictJson(change, topology)),
    otherPairs: otherPairsJson(fix, topology),
    groups: isUnknown(fix.groups) ? fix.groups : groupChangesJson(fix.groups),
    isolationLost: isolationJson(fix, topology),
  };
}

/** An idea that would help in a case that the source leaves open; nothing of one that does not help. */
function likelyJson(idea: RejectedIdea, shared: SharedParts): readonly LikelyFixJson[] {
  const likely = likelyOf(idea);
  if (likely === null) return [];
  return [
    {
      outcome: "likely",
      why: idea.why,
      title: idea.title,
      open: likely.open.length,
      condition: likely.condition,
      hidden: likely.hidden.map((text) => shared.hiddenAt(text)),
    },
  ];
}

function namedJson(bdf: Bdf, topology: Topology): NamedDeviceJson {
  return { bdf: formatBdf(bdf), name: nameJson(topology, bdf) };
}

function pairNames(provider: Bdf, client: Bdf, topology: Topology): NamedPairJson {
  return {
    provider: formatBdf(provider),
    client: formatBdf(client),
    providerName: nameJson(topology, provider),
    clientName: nameJson(topology, client),
  };
}

function otherVerdictJson(change: VerdictChange, topology: Topology): OtherVerdictJson {
  const { before, after } = verdictChangeJson(change);
  return { ...pairNames(change.provider, change.client, topology), before, after };
}

function classPairJson(
  { first, second, pairs }: ClassPair,
  topology: Topology,
): {
  readonly providers: string;
  readonly clients: string;
  readonly pairs: number;
  readonly example: NamedPairJson;
} {
  return {
    providers: roleOf(topology.functionOf(first)),
    clients: roleOf(topology.functionOf(second)),
    pairs,
    example: pairNames(first, second, topology),
  };
}

function otherPairsJson({ others }: ProvedFix, topology: Topology): ProvedFixJson["otherPairs"] {
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
            why: one.why,
          })),
        }),
    classes: others.classes.map((one) => ({ ...classPairJson(one, topology), before: one.before, after: one.after })),
  };
}

function isolationJson({ isolation }: ProvedFix, topology: Topology): ProvedFixJson["isolationLost"] {
  if (isUnknown(isolation)) return isolation;
  return {
    pairs: isolation.pairs,
    inTwoGroups: isolation.unseen,
    classes: isolation.classes.map(({ first, second, pairs }) => ({
      of: [roleOf(topology.functionOf(first)), roleOf(topology.functionOf(second))],
      pairs,
      example: [namedJson(first, topology), namedJson(second, topology)],
    })),
  };
}
