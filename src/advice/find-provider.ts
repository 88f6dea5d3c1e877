import type { Machine } from "../host/machine.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import { mayProvide } from "../pci/peer-roles.ts";
import { byWorth, nearestProviders, type ProviderCandidate, sumOfDistances } from "../rules/nearest-provider.ts";
import { decideAll, type VerdictTable } from "../rules/verdict-table.ts";

/** The answer to "whose memory would the kernel take for these clients?". */
export interface ProviderSearch {
  readonly table: VerdictTable;
  readonly clients: readonly Bdf[];
  /** Published and supported ones first, nearest first. */
  readonly candidates: readonly ProviderCandidate[];
  /** The nearest: the kernel picks one of them at random. Empty: it finds none. */
  readonly chosen: Known<readonly Bdf[]>;
}

/**
 * The provider that the kernel chooses for `clients` (`pci_p2pmem_find_many`, Linux 7.2): of all published peer memory
 * the smallest sum of distances, and one at random where several are as near. `providers` limits or widens the
 * candidates; without it they are the functions with peer memory and whatever else might have some.
 */
export function findProvider(
  machine: Machine,
  clients: readonly Bdf[],
  options: { readonly providers?: readonly Bdf[]; readonly rules?: string } = {},
): ProviderSearch {
  const providers = options.providers ?? machine.functions.filter(mayHavePool).map((fn) => fn.bdf);
  const table = decideAll(machine, {
    providers,
    clients,
    ...(options.rules === undefined ? {} : { rules: options.rules }),
  });
  const candidates = providers
    .map((provider, i) => candidateOf(table, provider, i))
    .sort((a, b) => byWorth(a, b) || a.provider - b.provider);
  const nearest = nearestProviders(candidates);
  const chosen = isUnknown(nearest) ? nearest : nearest.map(({ provider }) => provider);
  return { table, clients, candidates, chosen };
}

/** Functions that have peer memory, and those that may have some, of which the source does not show it. */
function mayHavePool(fn: PciFunction): boolean {
  return isUnknown(fn.p2pmem) ? mayProvide(fn) !== false : fn.p2pmem !== null;
}

function candidateOf(table: VerdictTable, provider: Bdf, i: number): ProviderCandidate {
  const fn = table.topology.functionOf(provider);
  const distance = sumOfDistances(table.clients, (_, j) => table.distance(i, j));
  return {
    provider,
    published: publishedOf(fn),
    distance: distance ?? unknown("the verdict of a client is unknown"),
    hops: sumOfHops(table, i),
  };
}

function publishedOf(fn: PciFunction): Known<boolean> {
  if (isUnknown(fn.p2pmem)) return fn.p2pmem;
  return fn.p2pmem === null ? false : fn.p2pmem.published;
}

function sumOfHops(table: VerdictTable, i: number): number | null {
  let sum = 0;
  for (let j = 0; j < table.clients.length; j++) {
    const hops = table.hops(i, j);
    if (hops === null) return null;
    sum += hops;
  }
  return sum;
}
