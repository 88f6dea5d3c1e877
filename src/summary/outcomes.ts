import type { Answer } from "../answers/answer.ts";
import type { MapType, Verdict } from "../rules/verdict.ts";

/** Pairs that are what they are for one reason, and that come to the same. */
export interface OutcomeGroup {
  readonly before: MapType;
  /** As `before` where nothing becomes of them. */
  readonly after: MapType;
  /** The pairs as they are, in the order in which they were asked. */
  readonly pairs: readonly Answer[];
  /** Those whose two devices are of different NUMA nodes. */
  readonly crossing: number;
  /** What they are on the machine as it is, where that is something else and a what-if was asked. */
  readonly asIs: MapType | null;
}

/**
 * Some pairs by why they are what they are and what becomes of them; `after` has the verdicts in their order, `asIs` those of
 * the machine as it is, where it is another. Those of which something becomes are first, then those that are most.
 */
export function outcomeGroups(
  before: readonly Answer[],
  after: readonly Pick<Verdict, "mapType">[] = before,
  asIs: readonly Pick<Verdict, "mapType">[] = before,
): readonly OutcomeGroup[] {
  const groups = new Map<string, OutcomeGroup & { readonly pairs: Answer[]; crossing: number }>();
  before.forEach((answer, pair) => {
    const { mapType, reason, acsRedirect, meeting, releases, locality } = answer;
    const now = after[pair]?.mapType ?? mapType;
    const why = [reason, acsRedirect.length > 0, meeting === null, releases?.from, releases?.to];
    const other = asIs[pair]?.mapType === mapType ? null : (asIs[pair]?.mapType ?? null);
    const key = [mapType, now, other, ...why].join(" ");
    const group = groups.get(key) ?? { before: mapType, after: now, pairs: [], crossing: 0, asIs: other };
    group.pairs.push(answer);
    if (locality.word === "SYS") group.crossing++;
    groups.set(key, group);
  });
  const isChanged = (group: OutcomeGroup): number => (group.before === group.after ? 0 : 1);
  return [...groups.values()].sort((a, b) => isChanged(b) - isChanged(a) || b.pairs.length - a.pairs.length);
}

/** Better ranks are higher: direct, through the host bridge, everything else. */
export const RANKS: Readonly<Record<MapType, number>> = {
  "bus-addr": 2,
  "thru-host-bridge": 1,
  "not-supported": 0,
  unknown: 0,
};

/** How well some verdicts do together: what helps more pairs, or makes more of them direct, has more. */
export function rankOf(verdicts: readonly Pick<Verdict, "mapType">[]): number {
  return verdicts.reduce((sum, { mapType }) => sum + RANKS[mapType], 0);
}
