import type { Machine } from "../../host/machine.ts";
import { findProvider, type MapType, type ProviderCandidate, type ProviderSearch } from "../../p2pdma/index.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import type { MemoryPool } from "./memory-pool.ts";

/** A provider that serves all clients, and how the kernel maps it for each. */
export interface ProviderChoice {
  readonly pool: MemoryPool;
  /** In the order of the clients. */
  readonly mapTypes: readonly MapType[];
  /** Sum of the distances, as `pci_p2pdma_distance_many` counts it. */
  readonly distance: Known<number>;
  /** Others that are as near: the kernel would pick one of all at random. */
  readonly ties: readonly Bdf[];
}

/**
 * The provider that the kernel would choose for the clients (`pci_p2pmem_find_many`, Linux 7.2), of several as near the
 * one with most free memory; or the one that the user names. Throws `no-path` where the kernel maps
 * none for them, and `unsupported` where none can be mapped at all.
 */
export function chooseProvider(
  machine: Machine,
  pools: readonly MemoryPool[],
  clients: readonly Bdf[],
  via?: Bdf,
): ProviderChoice {
  const usable = pools.filter(({ mapping }) => mapping === "possible");
  const providers = (via === undefined ? usable : usable.filter(({ provider }) => provider === via)).map(
    ({ provider }) => provider,
  );
  if (providers.length === 0) throw nothingToMap(via);
  const search = findProvider(machine, clients, { providers });
  const candidates = search.candidates.filter((candidate) => serves(candidate, via));
  const [nearest] = candidates;
  if (nearest === undefined) throw noneServes(search, clients, via);
  const ties = candidates.filter((candidate) => sameDistance(candidate, nearest));
  const chosen = ties
    .flatMap(({ provider }) => usable.filter((pool) => pool.provider === provider))
    .sort((a, b) => freeBytes(b) - freeBytes(a))[0];
  if (chosen === undefined) throw nothingToMap(via);
  return {
    pool: chosen,
    mapTypes: clients.map((_, j) => search.table.mapType(search.table.providers.indexOf(chosen.provider), j)),
    distance: nearest.distance,
    ties: ties.map(({ provider }) => provider).filter((provider) => provider !== chosen.provider),
  };
}

/** The kernel looks at published memory only; who names a provider may use one that is not. */
function serves({ distance, published }: ProviderCandidate, via: Bdf | undefined): boolean {
  return distance !== -1 && (via !== undefined || published !== false);
}

function sameDistance(a: ProviderCandidate, b: ProviderCandidate): boolean {
  if (isUnknown(a.distance) || isUnknown(b.distance)) return a === b;
  return a.distance === b.distance;
}

function freeBytes({ availableBytes }: MemoryPool): number {
  return isUnknown(availableBytes) ? 0 : availableBytes;
}

function nothingToMap(via: Bdf | undefined): PeerlaneError {
  if (via === undefined) return new PeerlaneError("unsupported", "no peer memory can be mapped here");
  return new PeerlaneError("unsupported", `${formatBdf(via)} has no peer memory that can be mapped`, {
    remedy: "peerlane p2pmem lists the pools of this host",
  });
}

function noneServes(search: ProviderSearch, clients: readonly Bdf[], via: Bdf | undefined): PeerlaneError {
  const names = clients.map(formatBdf).join(" and ");
  const message =
    via === undefined
      ? `the kernel maps no peer memory of this host for ${names}`
      : `the kernel does not map the memory of ${formatBdf(via)} for ${names}`;
  const provider = via ?? search.candidates[0]?.provider;
  const i = provider === undefined ? -1 : search.table.providers.indexOf(provider);
  const refused = clients.find((_, j) => i >= 0 && search.table.mapType(i, j) === "not-supported");
  if (provider === undefined || refused === undefined) return new PeerlaneError("no-path", message);
  const remedy = `peerlane fix ${formatBdf(provider)} ${formatBdf(refused)} says what would change that`;
  return new PeerlaneError("no-path", message, { remedy });
}
