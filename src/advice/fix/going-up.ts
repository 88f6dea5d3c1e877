import type { Answer } from "../../answers/answer.ts";
import { isTranslating, type Machine } from "../../host/machine.ts";
import { isUnknown } from "../../pci/known.ts";
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

/** The pairs of a machine that go up though they are direct; none where nothing translates. `answers` are in their order. */
export function goingUp(
  machine: Machine,
  pairs: readonly Pair[],
  rules: string | undefined,
  answers: readonly Pick<Answer, "mapType">[],
): GoingUp {
  const { mode } = machine.iommu;
  const direct = pairs.filter((_, index) => answers[index]?.mapType === "bus-addr");
  if (isUnknown(mode) || !isTranslating(mode) || direct.length === 0) return { pairs: 0, freed: 0 };
  const ends = endsOf(machine, direct, rules);
  const up = direct.filter((_, index) => ends[index] === true);
  if (up.length === 0) return { pairs: 0, freed: 0 };
  const untranslated = applyChanges(machine, [{ kind: "iommu", mode: "passthrough" }]);
  return { pairs: up.length, freed: endsOf(untranslated, up, rules).filter((goesUp) => goesUp === false).length };
}

/** Whether requests of each pair arrive by another way than the verdict says; `null` where that is not known. */
function endsOf(machine: Machine, pairs: readonly Pair[], rules: string | undefined): readonly (boolean | null)[] {
  return decidePairs(machine, pairs, rules, (table) => {
    const ends = new RequestEnds(table);
    return (i, j) => {
      const found = ends.of(i, j);
      if (found === null) return null;
      const both = [found.write, found.read];
      if (both.includes("arrive otherwise")) return true;
      return both.every((end) => end === "arrive") ? false : null;
    };
  });
}
