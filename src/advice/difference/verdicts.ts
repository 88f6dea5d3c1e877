import type { Bdf } from "../../pci/bdf.ts";
import type { MapType } from "../../rules/verdict.ts";
import type { VerdictTable } from "../../rules/verdict-table.ts";

/** A pair that two machines decide differently. */
export interface VerdictChange {
  readonly provider: Bdf;
  readonly client: Bdf;
  readonly before: { readonly mapType: MapType; readonly hops: number | null };
  readonly after: { readonly mapType: MapType; readonly hops: number | null };
}

/** The pairs that both tables have and whose map type or hop count differs, in the order of `after`. */
export function compareVerdicts(before: VerdictTable, after: VerdictTable): readonly VerdictChange[] {
  const rows = positions(before.providers);
  const columns = positions(before.clients);
  const changes: VerdictChange[] = [];
  after.providers.forEach((provider, i) => {
    const row = rows.get(provider);
    if (row === undefined) return;
    after.clients.forEach((client, j) => {
      const column = columns.get(client);
      if (column === undefined) return;
      const old = { mapType: before.mapType(row, column), hops: before.hops(row, column) };
      const now = { mapType: after.mapType(i, j), hops: after.hops(i, j) };
      if (old.mapType === now.mapType && old.hops === now.hops) return;
      changes.push({ provider, client, before: old, after: now });
    });
  });
  return changes;
}

function positions(bdfs: readonly Bdf[]): ReadonlyMap<Bdf, number> {
  return new Map(bdfs.map((bdf, position) => [bdf, position]));
}
