import { tableText, withTable } from "../docs/marked-tables.ts";
import { number, percent, signed } from "../docs/time-page.ts";
import {
  BOUNDS,
  type Errors,
  errorOf,
  errorsOf,
  type Point,
  predicted,
  validationPoints,
} from "../predict/validation.ts";
import { simulated } from "./simulated.ts";

/** A scored point with what the simulation and the prediction say of it. */
export interface Simulated {
  readonly point: Point;
  readonly value: number;
  readonly error: number;
  readonly analytic: number;
}

/** The groups that the simulation is held against: where flows meet, and one packet alone. */
const SIMULATED_GROUPS = ["contention", "latency"] as const;

/** What is known of a point that the simulation alone misses. */
const KNOWN: Readonly<Record<string, string>> = {
  "latency-nfp6000-2048":
    "the card stores a read of several requests when all of it has come; the simulation each request's bytes as they do",
};

/** Their scored points, each simulated: half a minute of a CPU. */
export function simulatedPoints(): readonly Simulated[] {
  return validationPoints()
    .filter(({ use, group }) => use === "score" && SIMULATED_GROUPS.some((each) => each === group))
    .map((point) => {
      const value = simulated(point);
      return { point, value, error: errorOf(point, value), analytic: predicted(point) };
    });
}

/** Errors of one group. */
export function errorsIn(group: Point["group"], points: readonly Simulated[]): Errors {
  return errorsOf(points.filter(({ point }) => point.group === group).map(({ error }) => error));
}

/** docs/time.md with its tables of simulated points. */
export function withSimulated(page: string, points: readonly Simulated[]): string {
  const reached = SIMULATED_GROUPS.map((group) => {
    const { count, median, worst } = errorsIn(group, points);
    const { median: most, worst: mostOfOne } = BOUNDS[group];
    const isMet = group === "contention" ? median <= (most ?? 0) : worst <= mostOfOne;
    const goal = group === "contention" ? `median ${percent(most ?? 0)}` : `worst ${percent(mostOfOne)}`;
    return [group, String(count), percent(median), percent(worst), goal, isMet ? "yes" : "**no**"];
  });
  const rows = SIMULATED_GROUPS.flatMap((group) =>
    points
      .filter(({ point }) => point.group === group)
      .map(({ point, value, error, analytic }) => [
        group,
        `[${point.id}](../test/predict/validation/${point.id}.yaml)`,
        `${point.measuredText} ${point.unit}`,
        number(value),
        signed(error),
        number(analytic),
        Math.abs(error) > BOUNDS[group].worst ? (point.known ?? KNOWN[point.id] ?? "") : "",
      ]),
  );
  const tables: Readonly<Record<string, string>> = {
    "simulated reached": tableText(["simulated", "points", "median", "worst", "goal", "met"], reached),
    simulated: tableText(["of", "point", "measured", "simulated", "error", "predicted", "what is known"], rows),
  };
  return Object.entries(tables).reduce((text, [name, table]) => withTable(text, name, table), page);
}
