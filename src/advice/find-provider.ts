import type { Machine } from "../host/machine.ts";
import type { Bdf } from "../pci/bdf.ts";
import { deviceKind, hasMemoryBar, isBridge, KINDS_OF_INTEREST } from "../pci/device-kind.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import { decideAll, type VerdictTable } from "../rules/verdict-table.ts";

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
  const providers = options.providers ?? machine.functions.filter(mayProvide).map((fn) => fn.bdf);
  const table = decideAll(machine, {
    providers,
    clients,
    ...(options.rules === undefined ? {} : { rules: options.rules }),
  });
  const candidates = providers.map((provider, i) => candidateOf(table, provider, i)).sort(byWorth);
  return { table, clients, candidates, chosen: choose(candidates) };
}

/** Functions that have peer memory, and devices of interest of which the source does not show whether they have. */
function mayProvide(fn: PciFunction): boolean {
  if (isBridge(fn)) return false;
  if (!isUnknown(fn.p2pmem)) return fn.p2pmem !== null;
  return KINDS_OF_INTEREST.includes(deviceKind(fn)) && (isUnknown(fn.bars) || hasMemoryBar(fn));
}

function candidateOf(table: VerdictTable, provider: Bdf, i: number): ProviderCandidate {
  const fn = table.topology.functionOf(provider);
  return { provider, published: publishedOf(fn), distance: sumOfDistances(table, i), hops: sumOfHops(table, i) };
}

function publishedOf(fn: PciFunction): Known<boolean> {
  if (isUnknown(fn.p2pmem)) return fn.p2pmem;
  return fn.p2pmem === null ? false : fn.p2pmem.published;
}

function sumOfDistances(table: VerdictTable, i: number): Known<number> {
  let sum = 0;
  let isHidden = false;
  for (let j = 0; j < table.clients.length; j++) {
    const distance = table.distance(i, j);
    if (distance === -1) return -1;
    if (distance === null) isHidden = true;
    else sum += distance;
  }
  return isHidden ? unknown("the verdict of a client is unknown") : sum;
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

function byWorth(a: ProviderCandidate, b: ProviderCandidate): number {
  return (
    rankOf(a) - rankOf(b) ||
    (a.hops ?? Number.MAX_SAFE_INTEGER) - (b.hops ?? Number.MAX_SAFE_INTEGER) ||
    a.provider - b.provider
  );
}

function rankOf({ published, distance }: ProviderCandidate): number {
  if (distance === -1) return 4;
  if (published === false) return 3;
  return (isUnknown(published) ? 1 : 0) + (isUnknown(distance) ? 1 : 0);
}

function choose(candidates: readonly ProviderCandidate[]): Known<readonly Bdf[]> {
  const sure = candidates.filter(
    ({ published, distance }) => published === true && !isUnknown(distance) && distance >= 0,
  );
  const best = Math.min(...sure.map(({ hops }) => hops ?? Number.MAX_SAFE_INTEGER));
  // One that is not sure decides only where it would be as near.
  const open = candidates.find(
    ({ published, distance, hops }) =>
      published !== false &&
      distance !== -1 &&
      (isUnknown(published) || isUnknown(distance)) &&
      (hops === null || hops <= best),
  );
  if (open !== undefined) return unknown(reasonOf(open));
  return sure.filter(({ hops }) => hops === best).map(({ provider }) => provider);
}

function reasonOf({ published, distance }: ProviderCandidate): string {
  if (isUnknown(published)) return published.unknown;
  return isUnknown(distance) ? distance.unknown : "";
}
