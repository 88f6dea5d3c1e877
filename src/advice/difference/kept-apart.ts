import type { Bdf } from "../../pci/bdf.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import type { PeerDirection } from "../../routes/peer-routes.ts";
import { withFormedGroups } from "../../rules/boot-acs.ts";
import type { MapType } from "../../rules/verdict.ts";
import type { VerdictTable } from "../../rules/verdict-table.ts";
import type { Matching } from "./matching.ts";

/** What tells whether requests of a pair go past the IOMMU. */
export interface PastSide {
  readonly mapType: MapType;
  readonly past: Known<readonly PeerDirection[]>;
}

/**
 * Pairs of functions that an IOMMU keeps apart before, and that reach each other past it after: each once, whichever of the
 * two has memory, as guests may send requests anywhere. None where no IOMMU is in use on one of the sides, which is a
 * change of groups; and where it is not known whether they are apart or go past it, nothing is claimed.
 */
export class KeptApart {
  readonly #before: ReadonlyMap<Bdf, number>;
  readonly #after: ReadonlyMap<Bdf, number>;
  readonly #matching: Matching;
  readonly #lost = new Map<string, readonly [Bdf, Bdf]>();

  constructor(before: VerdictTable, after: VerdictTable, matching: Matching) {
    this.#before = groupsOf(before);
    this.#after = groupsOf(after);
    this.#matching = matching;
  }

  /** Takes a pair, by its addresses after, as it is told on both sides. */
  add(provider: Bdf, client: Bdf, before: PastSide, after: PastSide): void {
    if (isPast(after) !== true || isPast(before) !== false) return;
    const [one, other] = [this.#groupBefore(provider), this.#groupBefore(client)];
    if (one === undefined || other === undefined || one === other) return;
    if (!this.#after.has(provider) || !this.#after.has(client)) return;
    const pair = provider < client ? ([provider, client] as const) : ([client, provider] as const);
    this.#lost.set(pair.join(), pair);
  }

  /** Those that are no longer apart, by the addresses after. */
  get lost(): readonly (readonly [Bdf, Bdf])[] {
    return [...this.#lost.values()];
  }

  #groupBefore(bdf: Bdf): number | undefined {
    const earlier = this.#matching.earlierOf(bdf);
    return earlier === undefined ? undefined : this.#before.get(earlier);
  }
}

/** Groups as the source shows them, or else as the kernel forms them; functions that are in none, or of which that is hidden, are left out. */
function groupsOf({ machine }: VerdictTable): ReadonlyMap<Bdf, number> {
  const { functions } = withFormedGroups(machine);
  return new Map(
    functions.flatMap(({ bdf, iommuGroup }): [Bdf, number][] =>
      isUnknown(iommuGroup) || iommuGroup === null ? [] : [[bdf, iommuGroup]],
    ),
  );
}

function isPast({ mapType, past }: PastSide): boolean | null {
  if (mapType === "bus-addr") return true;
  if (!isUnknown(past)) return past.length > 0;
  return mapType === "unknown" ? null : false;
}
