import type { GateJson, MatrixJson, MatrixPairJson, MatrixReasonJson, RouteJson } from "../../src/report/json-types.ts";

/** A pair of a matrix with all that the tables say of it. */
export type WholePair = Omit<MatrixPairJson, "reason" | "acsRedirect" | "acsHidden" | "hidden" | "gates" | "route"> &
  Omit<MatrixReasonJson, "pairs"> & {
    readonly acsRedirect: readonly string[];
    readonly acsHidden: readonly string[];
    readonly hidden: readonly string[];
    readonly gates: readonly GateJson[];
    readonly route: RouteJson | null;
  };

/** The pairs of `peerlane.matrix/2` as `peerlane.matrix/1` had them, but for `fixes`. */
export function wholePairs({ pairs, reasons, hidden, gates, routes }: MatrixJson): readonly WholePair[] {
  return pairs.map((pair) => {
    const { pairs: _, ...reason } = at(reasons, pair.reason);
    return {
      ...pair,
      ...reason,
      acsRedirect: pair.acsRedirect ?? [],
      acsHidden: pair.acsHidden ?? [],
      hidden: (pair.hidden ?? []).map((one) => at(hidden, one)),
      gates: (pair.gates ?? []).map((one) => at(gates, one)),
      route: pair.route === undefined ? null : at(routes, pair.route),
    };
  });
}

/** A matrix whose pairs are {@link wholePairs}, and which has no tables. */
export function wholeMatrix(matrix: MatrixJson): object {
  const { reasons: _, hidden: __, gates: ___, routes: ____, ...rest } = matrix;
  return { ...rest, pairs: wholePairs(matrix) };
}

function at<T>(entries: readonly T[], index: number): T {
  const entry = entries[index];
  if (entry === undefined) throw new Error(`no entry ${index} of ${entries.length}`);
  return entry;
}
