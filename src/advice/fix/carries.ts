import type { Machine } from "../../host/machine.ts";
import { topologyOf } from "../../host/machine.ts";
import { isUnknown } from "../../pci/known.ts";
import { type Predictions, predictionsOf } from "../../predict/predict.ts";
import type { PeerDirection } from "../../routes/peer-routes.ts";
import type { Pair } from "./idea.ts";
import { type ClassPair, classKeyOf } from "./pair-classes.ts";
import { decidePairs } from "./trial.ts";

/** 10^9 data bytes per second of one pair, each way; `null` where there is no figure, or only a bound. */
export type Carried = Readonly<Record<PeerDirection, number | null>>;

/** A figure before a change and after it: 10^9 data bytes per second, to three digits. */
export interface FigureChange {
  readonly before: number;
  readonly after: number;
}

/** What asked pairs of two classes are predicted to carry after a change, where that is another figure than before. */
export interface CarryChange extends ClassPair {
  /** `null` where it is the same, or one of the two figures is not known. */
  readonly write: FigureChange | null;
  readonly read: FigureChange | null;
}

/** What pair (i, j) of a table is predicted to carry of many large transfers, to three digits: no prediction is surer. */
export function carriedAt(predictions: Predictions, i: number, j: number): Carried {
  const carried = (operation: PeerDirection): number | null => {
    const figure = predictions.figureAt(i, j, operation);
    return isUnknown(figure) || figure.isUpperBound ? null : Number(figure.value.toPrecision(3));
  };
  return { write: carried("write"), read: carried("read") };
}

/** The same of some pairs of a machine, in their order. */
export function carriedOf(machine: Machine, pairs: readonly Pair[], rules: string | undefined): readonly Carried[] {
  return decidePairs(machine, pairs, rules, (table) => {
    const predictions = predictionsOf(table);
    return (i, j) => carriedAt(predictions, i, j);
  });
}

/**
 * Where the figures of pairs differ, those of one class that have the same ones together, the most pairs first. `before` and
 * `after` are in the order of `pairs`, which are functions of the machine.
 */
export function carryChanges(
  machine: Machine,
  pairs: readonly Pair[],
  before: readonly Carried[],
  after: readonly Carried[],
): readonly CarryChange[] {
  const topology = topologyOf(machine);
  const found = new Map<string, CarryChange & { pairs: number }>();
  pairs.forEach(({ provider, client }, index) => {
    const write = figureChange(before[index]?.write, after[index]?.write);
    const read = figureChange(before[index]?.read, after[index]?.read);
    if (write === null && read === null) return;
    const classes = [provider, client].map((bdf) => classKeyOf(topology.functionOf(bdf)));
    const key = [...classes, write?.before, write?.after, read?.before, read?.after].join();
    const known = found.get(key);
    if (known === undefined) found.set(key, { first: provider, second: client, pairs: 1, write, read });
    else known.pairs++;
  });
  return [...found.values()].toSorted((one, other) => other.pairs - one.pairs);
}

function figureChange(before: number | null = null, after: number | null = null): FigureChange | null {
  return before === null || after === null || before === after ? null : { before, after };
}
