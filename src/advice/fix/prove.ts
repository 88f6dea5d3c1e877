import { type Answer, answersOf as answersOfTable } from "../../answers/answer.ts";
import { type Machine, topologyOf } from "../../host/machine.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import { predictionsOf } from "../../predict/predict.ts";
import { expectedIommuGroups } from "../../rules/iommu-groups.ts";
import type { RulesChoice } from "../../rules/kernels/choose-rules.ts";
import { decideAll, type VerdictTable } from "../../rules/verdict-table.ts";
import type { BootLoader } from "../boot-loaders/boot-loaders.ts";
import { compareGroups, type GroupChange } from "../difference/groups.ts";
import { needsReboot } from "../what-if/change.ts";
import { type Carried, type CarryChange, carriedAt, carryChanges } from "./carries.ts";
import { type GoingUp, goingUp } from "./going-up.ts";
import type { Idea, Pair, Step } from "./idea.ts";
import { type IsolationLoss, isolationLost } from "./isolation.ts";
import type { Others, SideEffects } from "./side-effects.ts";
import { stepsOf } from "./steps.ts";
import { decidePairs, type Trial } from "./trial.ts";

/** An idea of which the rules show that it helps, with everything else that it does. */
export interface ProvedFix extends Omit<Idea, "steps"> {
  /** How it is done, in the order in which it is done; of steps for a boot loader those of the likely one come first. */
  readonly steps: readonly Step[];
  /** The kernel rules that decide after it. */
  readonly rules: RulesChoice;
  /** The verdicts of the asked pairs after it, in their order. */
  readonly verdicts: readonly Answer[];
  /** The asked pairs that are direct after it by the verdict alone. */
  readonly goingUp: GoingUp;
  /** Where the asked pairs are predicted to carry more or less after it. */
  readonly carries: readonly CarryChange[];
  /** What it does to other pairs: of every function but bridges. */
  readonly others: SideEffects;
  /** IOMMU groups that it changes: none at run time, as groups are formed at boot. Unknown where the source hides them. */
  readonly groups: Known<readonly GroupChange[]>;
  /** The isolation that it takes away. Unknown where the source hides what decides groups. */
  readonly isolation: Known<IsolationLoss>;
}

/** The verdicts of pairs in one machine, with what is said beside them. */
export function answersOf(machine: Machine, pairs: readonly Pair[], rules: string | undefined): readonly Answer[] {
  return decidePairs(machine, pairs, rules, (table) => {
    const answers = answersOfTable(table);
    return (i, j) => answers.at(i, j);
  });
}

/**
 * Everything that an idea does beside what it is for. `before` is the table of the machine as it is, `carried` what the asked
 * pairs carry on it.
 */
export function proved(
  { idea, after }: Trial,
  before: VerdictTable,
  others: Others,
  pairs: readonly Pair[],
  carried: readonly Carried[],
  rules: string | undefined,
  bootLoader: BootLoader | null,
): ProvedFix {
  const { providers, clients } = before;
  const table = decideAll(after, { providers, clients, ...(rules === undefined ? {} : { rules }) });
  const decided = decidePairs(after, pairs, rules, (asked) => {
    const [answers, predictions] = [answersOfTable(asked), predictionsOf(asked)];
    return (i, j) => ({ answer: answers.at(i, j), carried: carriedAt(predictions, i, j) });
  });
  const verdicts = decided.map(({ answer }) => answer);
  const isBooted = idea.changes.some(needsReboot);
  return {
    ...idea,
    steps: stepsOf(idea, changedFirst(pairs, verdicts, before), bootLoader),
    rules: table.rules,
    verdicts,
    goingUp: goingUp(after, pairs, rules),
    carries: carryChanges(
      before.machine,
      pairs,
      carried,
      decided.map((one) => one.carried),
    ),
    others: others.in(table),
    groups: isBooted ? groupsAfterBoot(before.machine, after) : [],
    isolation: isolationLost(before, table, isBooted),
  };
}

/** The pairs, those in front whose verdict is another after it: one of these shows that it took. */
function changedFirst(pairs: readonly Pair[], after: readonly Answer[], before: VerdictTable): readonly Pair[] {
  const isChanged = ({ provider, client }: Pair, index: number): boolean => {
    const [i, j] = [before.providers.indexOf(provider), before.clients.indexOf(client)];
    return i >= 0 && j >= 0 && before.mapType(i, j) !== after[index]?.mapType;
  };
  const changed = pairs.filter(isChanged);
  return [...changed, ...pairs.filter((pair) => !changed.includes(pair))];
}

/** The groups that a boot changes, as far as the rules form what the source states. */
function groupsAfterBoot(before: Machine, after: Machine): Known<readonly GroupChange[]> {
  const groups = expectedIommuGroups(after, topologyOf(after));
  if (isUnknown(groups)) return groups;
  return compareGroups(before, after).filter(({ predicted }) => predicted === undefined);
}
