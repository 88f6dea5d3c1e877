import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { visible } from "../../src/pci/visible.ts";
import type { Failure } from "../engine/protocol.ts";
import { type Answered, answered, coloring, type OpenMachine, pair, view } from "../state/store.ts";
import { DocumentView } from "./document.tsx";
import { ExplanationPanel } from "./explanation.tsx";
import { MatrixPanel } from "./matrix/matrix-panel.tsx";
import { ProblemView } from "./problem.tsx";
import { TopologyPanel } from "./topology/topology-panel.tsx";

export const summary: ReturnType<typeof answered<"summary">> = answered("summary", () => view.value);
export const tree: ReturnType<typeof answered<"tree">> = answered("tree", () => view.value);
export const matrix: ReturnType<typeof answered<"matrix">> = answered("matrix", () => view.value);
export const bandwidth: ReturnType<typeof answered<"bandwidth">> = answered("bandwidth", () =>
  coloring.value === "bandwidth" ? view.value : null,
);
export const explanation: ReturnType<typeof answered<"explain">> = answered("explain", () =>
  view.value === null || pair.value === null ? null : { ...view.value, ...pair.value },
);

/** A machine: what it comes to first, then where everything is, then the pairs, and the chosen one explained. */
export function MachinePage({ machine }: { readonly machine: OpenMachine }): JSX.Element {
  const { facts, notes } = machine.view;
  const lit = explanation.value;
  const path = useMemo(
    () => new Set(lit.is === "given" && pair.value !== null ? lit.given.hops.map(({ bdf }) => bdf) : []),
    [lit, pair.value],
  );
  return (
    <div class="machine">
      <section class="summary card" aria-labelledby="summary-title">
        <h2 id="summary-title">{visible(facts[0] ?? machine.name)}</h2>
        {facts.slice(1).map((line) => (
          <p class="fact">{visible(line)}</p>
        ))}
        <Answer of={summary.value}>{(blocks) => <DocumentView blocks={blocks} level={3} />}</Answer>
        {notes.length === 0 ? null : (
          <details>
            <summary>
              {notes.length} {notes.length === 1 ? "note" : "notes"} of the reader
            </summary>
            <ul>
              {notes.map((note) => (
                <li>
                  <ProblemView {...note} />
                </li>
              ))}
            </ul>
          </details>
        )}
      </section>
      <section class="topology card" aria-labelledby="topology-title">
        <h2 id="topology-title">Topology</h2>
        <Answer of={tree.value}>{(scene) => <TopologyPanel scene={scene} path={path} />}</Answer>
      </section>
      <section class="matrix card" aria-labelledby="matrix-title">
        <h2 id="matrix-title">Matrix</h2>
        <Answer of={matrix.value}>{(given) => <MatrixPanel matrix={given} bandwidth={bandwidth.value} />}</Answer>
      </section>
      <section class="explanation card" aria-labelledby="explanation-title">
        <h2 id="explanation-title">Why</h2>
        {pair.value === null ? (
          <p class="hint">Choose a cell of the matrix, or two devices of the topology one after the other.</p>
        ) : (
          <Answer of={explanation.value}>{(given) => <ExplanationPanel explained={given} />}</Answer>
        )}
      </section>
    </div>
  );
}

/** What came of a request, or that it did not. */
export function Answer<T>({
  of,
  children,
}: {
  readonly of: Answered<T>;
  readonly children: (given: T) => JSX.Element;
}): JSX.Element | null {
  switch (of.is) {
    case "none":
      return null;
    case "waiting":
      return <p class="hint">…</p>;
    case "given":
      return children(of.given);
    case "failed":
      return <FailureView failure={of.failure} />;
  }
}

function FailureView({ failure }: { readonly failure: Failure }): JSX.Element {
  return (
    <p class="failure" role="alert">
      <ProblemView {...failure} />
    </p>
  );
}
