import type { Groups } from "./check-groups.ts";
import { judgeForbidden, judgeRequired, type RulePairs } from "./check-pairs.ts";
import type { DeviceIndex } from "./device-index.ts";
import type { Members } from "./members.ts";
import type { ForbidRule, RequireRule, Selection } from "./policy.ts";
import type { ExplainedGroup, ExplainedItem, ExplainedPair, ExplainedSide, Explanation } from "./result.ts";

/** Most pairs, and most devices of a side, that are told of one rule. */
const MAX_EXPLAINED = 1000;

/** What a side's items find, each on its own. */
export function explainSide(
  index: DeviceIndex,
  role: ExplainedSide["role"],
  selection: Selection,
  { devices }: Members,
): ExplainedSide {
  const items = selection.selectors.map((selector): ExplainedItem => {
    const { sure, possible } = index.match(selector.test, role === "provider");
    const found = sure.slice(0, MAX_EXPLAINED).map((at) => index.topology.functionAt(at).bdf);
    return { selector, found, possible: possible.size };
  });
  return { role, items, devices: devices.slice(0, MAX_EXPLAINED) };
}

const NO_PAIR = "a device with itself is no pair";
const NOT_SURE = "it is as the rule wants it, whether or not the rule is about it";

/** Each pair of a rule with what is made of it. */
export function explainPairs(
  pairs: RulePairs,
  rule: RequireRule | ForbidRule,
): Pick<Explanation, "pairs" | "pairCount"> {
  const judge = rule.kind === "forbid" ? judgeForbidden(pairs, rule, new Map()) : judgeRequired(pairs, rule, new Map());
  const told: ExplainedPair[] = [];
  const pairCount = pairs.providers.devices.length * pairs.clients.devices.length;
  for (const [i, provider] of pairs.providers.devices.entries()) {
    for (const [j, client] of pairs.clients.devices.entries()) {
      if (told.length >= MAX_EXPLAINED) return { pairs: told, pairCount };
      const verdict = pairs.answers.at(i, j);
      if (provider.bdf === client.bdf) {
        told.push({ verdict, outcome: "pass", problems: [], skipped: NO_PAIR });
        continue;
      }
      const judgement = judge(i, j, provider.hidden ?? client.hidden);
      if (judgement === undefined) told.push({ verdict, outcome: "pass", problems: [], skipped: NOT_SURE });
      else told.push({ verdict, ...judgement, skipped: null });
    }
  }
  return { pairs: told, pairCount };
}

/** The groups of a rule's devices. */
export function explainGroups(groups: Groups, sides: readonly ExplainedSide[]): readonly ExplainedGroup[] {
  const devices = [...new Set(sides.flatMap((side) => side.devices.map(({ bdf }) => bdf)))].sort((a, b) => a - b);
  return devices.map((device) => groups.shown(device));
}
