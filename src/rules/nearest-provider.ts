import type { Bdf } from "../pci/bdf.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";

/** A device that may provide memory, judged for all clients together. */
export interface ProviderCandidate {
  readonly provider: Bdf;
  /** Whether a driver published peer memory of it: the kernel looks at no other. */
  readonly published: Known<boolean>;
  /** What `pci_p2pdma_distance_many` returns: the sum over the clients, -1 when one is not supported. */
  readonly distance: Known<number>;
  /** Sum of the hops, supported or not; `null` where the topology is hidden. */
  readonly hops: number | null;
}

/**
 * `pci_p2pdma_distance_many` (Linux 7.2): the sum of the distances to all clients, -1 where one is refused and where there
 * is no client. `null` where a distance is; none is asked for behind a refused one.
 */
export function sumOfDistances<D extends number | null>(
  clients: readonly Bdf[],
  distanceTo: (client: Bdf, index: number) => D,
): number | D {
  if (clients.length === 0) return -1;
  let sum = 0;
  let hidden: D | undefined;
  for (const [index, client] of clients.entries()) {
    const distance = distanceTo(client, index);
    if (distance === null) hidden = distance;
    else if (distance < 0) return -1;
    else sum += distance;
  }
  return hidden === undefined ? sum : hidden;
}

/** Published and supported ones first, then what may be, then the rest; the nearest first. */
export function byWorth(a: ProviderCandidate, b: ProviderCandidate): number {
  return rankOf(a) - rankOf(b) || (a.hops ?? Number.MAX_SAFE_INTEGER) - (b.hops ?? Number.MAX_SAFE_INTEGER);
}

function rankOf({ published, distance }: ProviderCandidate): number {
  if (distance === -1) return 4;
  if (published === false) return 3;
  return (isUnknown(published) ? 1 : 0) + (isUnknown(distance) ? 1 : 0);
}

/** The best of those that the kernel does not refuse, published or not, and all that are as good; in the given order. */
export function bestProviders<C extends ProviderCandidate>(candidates: readonly C[]): readonly C[] {
  const supported = candidates.filter(({ distance }) => distance !== -1);
  const [first, ...others] = supported;
  if (first === undefined) return [];
  const best = others.reduce((known, one) => (byWorth(one, known) < 0 ? one : known), first);
  return supported.filter((one) => one === best || isAsGood(one, best));
}

function isAsGood(a: ProviderCandidate, b: ProviderCandidate): boolean {
  if (isUnknown(a.distance) || isUnknown(b.distance)) return false;
  return a.distance === b.distance && (a.published === true) === (b.published === true);
}

/**
 * Those that the kernel may take for the clients (`pci_p2pmem_find_many`, Linux 7.2): of all published peer memory that
 * with the smallest sum of distances, of which it picks one at random. Empty: it finds none. Unknown where one that is not
 * sure would be as near.
 */
export function nearestProviders<C extends ProviderCandidate>(candidates: readonly C[]): Known<readonly C[]> {
  const nearest = bestProviders(candidates.filter((one) => one.published === true && !isUnknown(one.distance)));
  const hops = nearest[0]?.hops ?? Number.POSITIVE_INFINITY;
  const open = candidates.find(
    (one) =>
      one.published !== false &&
      one.distance !== -1 &&
      (isUnknown(one.published) || isUnknown(one.distance)) &&
      (one.hops === null || one.hops <= hops),
  );
  return open === undefined ? nearest : unknown(reasonOf(open));
}

function reasonOf({ published, distance }: ProviderCandidate): string {
  if (isUnknown(published)) return published.unknown;
  return isUnknown(distance) ? distance.unknown : "";
}
