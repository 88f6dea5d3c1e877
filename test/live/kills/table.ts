import type { KillCounts } from "./kill-copies.ts";
import type { Kill } from "./killed-copy.ts";
import type { Kind } from "./places.ts";

/** The counts as text: kills by the kinds of both ends, and what they met. */
export function formatCounts({ kills, ends, cases }: KillCounts, kinds: readonly Kind[]): string {
  const all = ends.flatMap((end) => end.kills);
  const rows = kinds.map((source) => [
    source,
    ...kinds.map((target) => String(kills.get(`${source} > ${target}`) ?? 0)),
  ]);
  const sum = (of: (end: KillCounts["ends"][number]) => number): number =>
    ends.reduce((total, end) => total + of(end), 0);
  const many = (is: (kill: Kill) => boolean): number => all.filter(is).length;
  const by = (of: (kill: Kill) => string): string => {
    const counts = new Map<string, number>();
    for (const kill of all) counts.set(of(kill), (counts.get(of(kill)) ?? 0) + 1);
    return [...counts]
      .sort(([, a], [, b]) => b - a)
      .map(([name, count]) => `${name} ${count}`)
      .join(", ");
  };
  return [
    `${all.length} kills of ${cases} copies, from (left) to (above):`,
    ...columns([["", ...kinds], ...rows]),
    `  of the first run ${many(({ run }) => run === 1)}, of a second ${many(({ run }) => run === 2)}, of a third ${many(({ run }) => run === 3)}`,
    `  met a copy in flight ${many(({ wasInFlight }) => wasInFlight)}, left a journal ${many(({ hadJournal }) => hadJournal)}, with progress ${many(({ hadProgress }) => hadProgress)}`,
    `  by ${by(({ plan }) => plan.signal)}; to the process group ${many(({ plan }) => plan.toGroup)}`,
    `  at: ${by(({ plan }) => plan.when)}`,
    `  runs ${sum(({ starts }) => starts)}, of which ${sum(({ resumed }) => resumed)} went on behind a journal's progress; ended before the kill ${sum(({ tooLate }) => tooLate)}`,
    "0 wrong bytes, 0 stray bytes, 0 false journals, 0 files left over",
  ].join("\n");
}

function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  ")}`.trimEnd(),
  );
}
