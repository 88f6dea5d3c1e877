import type { HostBridgeOutcome } from "./host-bridge.ts";
import type { RulesChoice } from "./kernels/choose-rules.ts";
import { numberOfOurs, parseKernelRelease } from "./kernels/kernel-release.ts";
import { mapTypeName, NOT_SUPPORTED, THRU_HOST_BRIDGE, UNKNOWN } from "./map-type.ts";
import type { ReleaseInterval, ReleaseOutcome } from "./verdict.ts";

/**
 * The oldest series that kernel.org maintains (2026-11): a source that names no kernel is taken to run it or a newer one
 * (docs/decisions/0034-a-kernel-that-is-not-named.md).
 */
export const OLDEST_MAINTAINED = "5.10";

const oldest = numberOfOurs(OLDEST_MAINTAINED);

/** What all rules that may apply make of a path through the host bridge(s). */
export interface MergedOutcome extends HostBridgeOutcome {
  /** Where the source names no kernel, the releases for which a known outcome is claimed. */
  readonly releases?: ReleaseInterval;
  /** What each release makes of it, neighbours that agree as one, oldest first. */
  readonly byRelease: readonly ReleaseOutcome[];
}

/** All releases with P2PDMA, for what none of them decides otherwise; `undefined` where the source names the kernel. */
export function allReleases({ chosenBy, candidates }: RulesChoice): ReleaseInterval | undefined {
  const [first] = candidates;
  return chosenBy === "nothing" && first !== undefined ? { from: first.release, to: null } : undefined;
}

/** The part of some releases that is reckoned with where the source names no kernel; `undefined` where none is. */
export function maintainedPart({ from, to }: ReleaseInterval): ReleaseInterval | undefined {
  if (to !== null && numberOfOurs(to) < oldest) return undefined;
  return numberOfOurs(from) < oldest ? { from: OLDEST_MAINTAINED, to } : { from, to };
}

/**
 * One outcome for all rules that may apply, `outcomes` in the order of the candidates. Where the source names the kernel:
 * theirs where all agree, else unknown; none at all is a kernel without P2PDMA. Where it names none: the newest release's
 * if all from {@link OLDEST_MAINTAINED} on agree with it, claimed from there on or, if the older ones do as well, from the
 * first on; else unknown.
 */
export function mergeOutcomes(outcomes: readonly HostBridgeOutcome[], rules: RulesChoice): MergedOutcome {
  const newest = outcomes.at(-1);
  if (newest === undefined) return { mapType: NOT_SUPPORTED, reason: "kernel-too-old", hidden: [], byRelease: [] };
  const byRelease = outcomesByRelease(outcomes, rules);
  if (rules.chosenBy !== "nothing") {
    if (outcomes.every(({ mapType }) => mapType === newest.mapType)) return { ...newest, byRelease };
    const hidden = [...new Set([rules.hidden, ...outcomes.flatMap((outcome) => outcome.hidden)])];
    return { mapType: UNKNOWN, reason: "kernel-hidden", hidden, byRelease };
  }
  const last = byRelease.at(-1)?.releases ?? null;
  if (last !== null && numberOfOurs(last.from) <= oldest) {
    const claimed = byRelease.length === 1 ? last : { ...last, from: OLDEST_MAINTAINED };
    return { ...newest, byRelease, ...(newest.mapType === UNKNOWN ? {} : { releases: claimed }) };
  }
  const reckoned = outcomes.filter((_, index) => {
    const release = rules.candidates[index]?.release;
    return release !== undefined && numberOfOurs(release) >= oldest;
  });
  const hidden = [...new Set([rules.hidden, ...reckoned.flatMap((outcome) => outcome.hidden)])];
  return { mapType: UNKNOWN, reason: "kernel-hidden", hidden, byRelease };
}

/** Whether a path through the host bridge(s) works; `null` where that is not known. */
export function isThroughSupported({ mapType }: HostBridgeOutcome): boolean | null {
  return mapType === UNKNOWN ? null : mapType === THRU_HOST_BRIDGE;
}

function outcomesByRelease(
  outcomes: readonly HostBridgeOutcome[],
  { candidates, chosenBy }: RulesChoice,
): readonly ReleaseOutcome[] {
  // What a list that was not read may have is no outcome of a release.
  if (candidates.some(({ allowListUnread }) => allowListUnread)) return [];
  const byRelease: (ReleaseOutcome & { readonly releases: ReleaseInterval })[] = [];
  outcomes.forEach(({ mapType, reason, otherwise }, index) => {
    const from = candidates[index]?.release ?? "";
    const one = {
      releases: { from, to: lastBefore(candidates[index + 1]?.release, from) },
      of: chosenBy === "nothing" ? ("kernel" as const) : ("rules" as const),
      mapType: mapTypeName(mapType),
      reason,
      otherwise: otherwise === undefined ? null : mapTypeName(otherwise),
    };
    const last = byRelease.at(-1);
    if (last === undefined || !isAlike(last, one)) byRelease.push(one);
    // The newest release's reason stands for all.
    else byRelease[byRelease.length - 1] = { ...one, releases: { ...one.releases, from: last.releases.from } };
  });
  const last = byRelease.at(-1);
  if (last === undefined) return byRelease;
  if (chosenBy !== "nothing") return byRelease.length === 1 ? [{ ...last, releases: null }] : byRelease;
  // What a list refuses, a newer one may have; what it has, it keeps.
  if (last.mapType !== "not-supported") {
    byRelease[byRelease.length - 1] = { ...last, releases: { ...last.releases, to: null } };
  }
  return byRelease;
}

/** The last release that has the rules of `release`: the patch level before the next row's, where that is of its series. */
function lastBefore(next: string | undefined, release: string): string {
  if (next === undefined) return release;
  const [own, later] = [parseKernelRelease(release), parseKernelRelease(next)];
  const patch = later?.patch ?? 0;
  return own !== undefined && own.series === later?.series && patch > 0 ? `${own.series}.${patch - 1}` : release;
}

function isAlike(a: ReleaseOutcome, b: ReleaseOutcome): boolean {
  if (a.mapType !== b.mapType || a.otherwise !== b.otherwise) return false;
  return a.mapType !== "unknown" || a.reason === b.reason;
}
