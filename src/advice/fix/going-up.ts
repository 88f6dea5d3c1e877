import type { Machine } from "../../host/machine.ts";
import { goesUp } from "../../summary/going-up.ts";
import { applyChanges } from "../what-if/apply.ts";
import type { Pair } from "./idea.ts";
import { RequestEnds } from "./side-effects.ts";
import { decidePairs } from "./trial.ts";

/**
 * Asked pairs that the kernel calls direct and whose requests go up to the root complex all the same, by the fabric: their
 * drivers take an address of the IOMMU, which no bridge below it claims.
 */
export interface GoingUp {
  readonly pairs: number;
  /** So many of these go directly where the IOMMU translates nothing (`iommu=pt`). */
  readonly freed: number;
}

/** The pairs of a machine that go up though they are direct; none where nothing translates. */
export function goingUp(machine: Machine, pairs: readonly Pair[], rules: string | undefined): GoingUp {
  const goUp = decidePairs(machine, pairs, rules, (table) => (i, j) => goesUp(table, i, j));
  const up = pairs.filter((_, index) => goUp[index]);
  if (up.length === 0) return { pairs: 0, freed: 0 };
  const untranslated = applyChanges(machine, [{ kind: "iommu", mode: "passthrough" }]);
  const arrive = decidePairs(untranslated, up, rules, (table) => {
    const ends = new RequestEnds(table);
    return (i, j) => {
      const found = ends.of(i, j);
      return found !== null && found.write.end === "arrive" && found.read.end === "arrive";
    };
  });
  return { pairs: up.length, freed: arrive.filter((arrives) => arrives).length };
}
