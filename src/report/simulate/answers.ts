import { type Answer, answer } from "../../answers/answer.ts";
import type { Simulation } from "../../offload/workload/simulation.ts";

/** What is said of the pairs that a workload's steps use, each pair once. */
export function answersOfSteps({ machine, workload, steps }: Simulation): readonly Answer[] {
  const { rules } = workload.model;
  const pairs = new Map(
    steps.flatMap(({ pairs: list }) => list).map((pair) => [`${pair.provider} ${pair.client}`, pair]),
  );
  return [...pairs.values()].map(({ provider, client }) =>
    answer(machine, provider, client, rules === undefined ? {} : { rules }),
  );
}
