import type { Bdf } from "../../pci/bdf.ts";
import type { MapType } from "../../rules/verdict.ts";
import type { VerdictTable } from "../../rules/verdict-table.ts";
import { goesUp } from "../../summary/going-up.ts";
import { matchDevices } from "./match-devices.ts";
import type { Matching } from "./matching.ts";

/** What a machine decides of a pair. */
export interface DecidedSide {
  readonly mapType: MapType;
  readonly hops: number | null;
  /** Direct by the verdict alone: requests go up to the root complex all the same by addresses of the IOMMU. Absent where not, or not asked. */
  readonly goesUp?: true;
}

/** A pair that two machines decide differently. */
export interface VerdictChange {
  readonly provider: Bdf;
  readonly client: Bdf;
  readonly before: DecidedSide;
  readonly after: DecidedSide;
}

/**
 * The pairs of the same two devices in both tables whose map type or hop count differs, in the order of `after` and by its
 * addresses. Which devices are the same is by place and ids, unless a {@link Matching} says otherwise.
 */
export function compareVerdicts(
  before: VerdictTable,
  after: VerdictTable,
  matching: Matching = matchDevices(before.topology, after.topology),
): readonly VerdictChange[] {
  const rows = positions(before.providers);
  const columns = positions(before.clients);
  const earlier = (list: ReadonlyMap<Bdf, number>, bdf: Bdf): number | undefined => {
    const old = matching.earlierOf(bdf);
    return old === undefined ? undefined : list.get(old);
  };
  const earlierColumns = after.clients.map((client) => earlier(columns, client));
  const changes: VerdictChange[] = [];
  after.providers.forEach((provider, i) => {
    const row = earlier(rows, provider);
    if (row === undefined) return;
    after.clients.forEach((client, j) => {
      const column = earlierColumns[j];
      if (column === undefined || provider === client) return;
      const old = { mapType: before.mapType(row, column), hops: before.hops(row, column) };
      const now = { mapType: after.mapType(i, j), hops: after.hops(i, j) };
      if (old.mapType === now.mapType && old.hops === now.hops) return;
      changes.push({
        provider,
        client,
        before: goesUp(before, row, column) ? { ...old, goesUp: true } : old,
        after: goesUp(after, i, j) ? { ...now, goesUp: true } : now,
      });
    });
  });
  return changes;
}

function positions(bdfs: readonly Bdf[]): ReadonlyMap<Bdf, number> {
  return new Map(bdfs.map((bdf, position) => [bdf, position]));
}
