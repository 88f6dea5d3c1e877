import { rowsOf } from "../../src/rules/kernels/choose-rules.ts";
import { parseKernelRelease } from "../../src/rules/kernels/kernel-release.ts";
import { isNotRecognised, type Read } from "./c-source.ts";
import type { TreeFacts } from "./read-tree.ts";
import { allowListText } from "./show.ts";

/** Where a tree and the row of its release do not say the same. */
export interface Difference {
  readonly fact: string;
  readonly ours: string;
  readonly tree: string;
}

/** Compares a tree with the row of its release; a sentence where that cannot be done. What was not recognised is a difference. */
export function differences(facts: TreeFacts): readonly Difference[] | string {
  const { version } = facts;
  if (isNotRecognised(version)) return version.notRecognised;
  const release = parseKernelRelease(version);
  if (release === undefined) return `'${version}' is no release`;
  const { rows, hidden } = rowsOf(release);
  const [row, ...others] = rows;
  if (row === undefined || others.length > 0) return `no single row for ${version}: ${hidden}`;
  const pairs: readonly [fact: string, ours: unknown, tree: Read<unknown>][] = [
    ["firstAmdFamily", row.firstAmdFamily, facts.firstAmdFamily],
    ["allowList", sorted(allowListText(row.allowList)), mapped(facts.allowList, (list) => sorted(allowListText(list)))],
    ["rootPortStandsForHostBridge", row.rootPortStandsForHostBridge, facts.rootPortStandsForHostBridge],
    ["redirectedMayUseHostBridge", row.redirectedMayUseHostBridge, facts.redirectedMayUseHostBridge],
    ["iommuClosesHostBridge", row.iommuClosesHostBridge, facts.iommuClosesHostBridge],
    ["distanceThroughHostBridge", row.distanceThroughHostBridge, facts.distanceThroughHostBridge],
    ["acsAtBoot", row.acsAtBoot, facts.acsAtBoot],
    ["configAcs", row.configAcs, facts.configAcs],
    ["refusal", row.mapping.refusal, facts.refusal],
    ["busOffset", row.mapping.busOffset, facts.busOffset],
  ];
  return pairs.flatMap(([fact, ours, tree]) => {
    if (isNotRecognised(tree)) return [{ fact, ours: String(ours), tree: `not recognised: ${tree.notRecognised}` }];
    return ours === tree ? [] : [{ fact, ours: String(ours), tree: String(tree) }];
  });
}

function mapped<T, U>(value: Read<T>, change: (value: T) => U): Read<U> {
  return isNotRecognised(value) ? value : change(value as T);
}

/** The order of entries does not matter: each id stands once. */
function sorted(text: string): string {
  return text
    .split("; ")
    .map((group) => group.split(" ").sort().join(" "))
    .sort()
    .join("; ");
}
