import { findProvider, type ProviderSearch } from "../../advice/find-provider.ts";
import type { Machine } from "../../host/machine.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import { bestProviders } from "../../rules/nearest-provider.ts";
import type { MapType } from "../../rules/verdict.ts";
import type { MemoryPool } from "./memory-pool.ts";
import type { PermittedPool } from "./pool-use.ts";

/** A provider that serves all clients, and how the kernel maps it for each. */
export interface ProviderChoice {
  readonly pool: PermittedPool;
  /** In the order of the clients. */
  readonly mapTypes: readonly MapType[];
  /** Sum of the distances, as `pci_p2pdma_distance_many` counts it. */
  readonly distance: Known<number>;
  /** Others that are as near: the kernel would pick one of all at random. */
  readonly ties: readonly Bdf[];
}

/**
 * Of the pools that may be used, the one that the kernel would choose for the clients (`pci_p2pmem_find_many`, Linux
 * 7.2): published ones before others, the nearest first, of several as near the one with most free memory. Throws
 * `no-path` where the kernel maps none of them for all clients.
 */
export function chooseProvider(
  machine: Machine,
  pools: readonly PermittedPool[],
  clients: readonly Bdf[],
): ProviderChoice {
  const search = findProvider(machine, clients, { providers: pools.map(({ provider }) => provider) });
  const ties = bestProviders(search.candidates);
  const [nearest] = ties;
  if (nearest === undefined) throw noneServes(search, clients);
  const chosen = ties
    .flatMap(({ provider }) => pools.filter((pool) => pool.provider === provider))
    .sort((a, b) => freeBytes(b) - freeBytes(a))[0];
  if (chosen === undefined) throw noneServes(search, clients);
  return {
    pool: chosen,
    mapTypes: clients.map((_, j) => search.table.mapType(search.table.providers.indexOf(chosen.provider), j)),
    distance: nearest.distance,
    ties: ties.map(({ provider }) => provider).filter((provider) => provider !== chosen.provider),
  };
}

function freeBytes({ availableBytes }: MemoryPool): number {
  return isUnknown(availableBytes) ? 0 : availableBytes;
}

function noneServes(search: ProviderSearch, clients: readonly Bdf[]): PeerlaneError {
  const names = clients.map(formatBdf).join(" and ");
  const provider = search.candidates[0]?.provider;
  const message =
    provider === undefined || search.candidates.length > 1
      ? `the kernel maps no peer memory of this host for ${names}`
      : `the kernel does not map the memory of ${formatBdf(provider)} for ${names}`;
  const i = provider === undefined ? -1 : search.table.providers.indexOf(provider);
  const refused = clients.find((_, j) => i >= 0 && search.table.mapType(i, j) === "not-supported");
  if (provider === undefined || refused === undefined) return new PeerlaneError("no-path", message);
  const remedy = `peerlane fix ${formatBdf(provider)} ${formatBdf(refused)} says what would change that`;
  return new PeerlaneError("no-path", message, { remedy });
}
