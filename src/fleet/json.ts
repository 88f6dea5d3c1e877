import type { FleetJson } from "../report/json-types.ts";
import type { CauseKind } from "./causes.ts";
import type { Fleet, FleetClass } from "./result.ts";

/** `peerlane.fleet/1`. */
export function fleetJson({ rows, classes }: Fleet): FleetJson {
  const counts = { read: 0, failed: 0, duplicate: 0 };
  for (const { state } of rows) counts[state]++;
  const outliers = classes.filter(({ isReference }) => !isReference);
  const sum = (count: (one: FleetClass) => number, list: readonly FleetClass[]): number =>
    list.reduce((total, one) => total + count(one), 0);
  return {
    schema: "peerlane.fleet/1",
    machines: {
      named: rows.length,
      ...counts,
      outliers: sum(({ members }) => members.length, outliers),
      renumbered: sum(({ renumbered }) => renumbered.length, classes),
    },
    causes: causeCounts(outliers),
    classes: classes.map(({ id, facts, members, isReference, nearest, causes, renumbered }) => ({
      class: id,
      machines: members.length,
      reference: isReference,
      nearest,
      causes: causes.map(({ kind, text }) => ({ kind, text })),
      ...facts,
      renumbered: [...renumbered],
      members: [...members],
    })),
    unread: rows.flatMap(({ name, state, reason }) =>
      state === "read" ? [] : [{ machine: name, state, reason: reason ?? "" }],
    ),
  };
}

/** How many machines and classes each cause is of. */
function causeCounts(outliers: readonly FleetClass[]): FleetJson["causes"] {
  const counts = new Map<CauseKind, { machines: number; classes: number }>();
  for (const { causes, members } of outliers) {
    for (const kind of new Set(causes.map((cause) => cause.kind))) {
      const count = counts.get(kind) ?? { machines: 0, classes: 0 };
      counts.set(kind, count);
      count.machines += members.length;
      count.classes++;
    }
  }
  return [...counts]
    .map(([kind, count]) => ({ kind, ...count }))
    .toSorted((a, b) => b.machines - a.machines || (a.kind < b.kind ? -1 : 1));
}
