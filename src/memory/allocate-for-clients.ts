import type { PhysRange } from "../pci/addresses.ts";
import type { Bdf } from "../pci/bdf.ts";
import { bestProviders, sumOfDistances } from "../rules/nearest-provider.ts";
import { mixBits } from "./mix-bits.ts";
import type { P2pPool } from "./p2p-pool.ts";
import type { PagePool } from "./page-pool.ts";

/** `pci_p2pdma_distance`: functions between a provider and a client, -1 where the kernel refuses the pair. */
export type DistanceBetween = (provider: Bdf, client: Bdf) => number;

/** Where memory for some clients came from, and why it is not a peer's where it is not. */
export type ClientMemory =
  | { readonly source: "peer"; readonly pool: P2pPool; readonly range: PhysRange; readonly distance: number }
  | { readonly source: "ram"; readonly range: PhysRange; readonly why: "no-provider" | "pool-full" };

/** What else decides. */
export interface AllocateOptions {
  /** System memory to fall back to; without it, only peer memory will do. */
  readonly fallback?: PagePool;
  /** Decides between providers at the same distance; the same seed decides alike. */
  readonly seed: number;
}

/**
 * The published pool nearest to all clients: the smallest sum of distances, none of them refused, ties by the seed
 * (`pci_p2pmem_find_many`, Linux 7.2, which decides ties at random). `null` where there is none, or no client.
 */
export function nearestPool(
  pools: readonly P2pPool[],
  clients: readonly Bdf[],
  distance: DistanceBetween,
  seed: number,
): { readonly pool: P2pPool; readonly distance: number } | null {
  const candidates = pools
    .filter(({ isPublished }) => isPublished)
    .map((pool) => {
      const sum = sumOfDistances(clients, (client) => distance(pool.owner, client));
      return { pool, provider: pool.owner, published: true, distance: sum, hops: sum };
    });
  const nearest = bestProviders(candidates);
  const chosen = nearest[chooseBySeed(seed, nearest.length)];
  return chosen === undefined ? null : { pool: chosen.pool, distance: chosen.distance };
}

/**
 * The choice at allocation time, as the kernel's NVMe-oF target makes it: from the pool nearest to all clients, and from
 * system memory where there is no such pool or it is full. Another pool is not tried. `null` where nobody has memory.
 */
export function allocateForClients(
  pools: readonly P2pPool[],
  clients: readonly Bdf[],
  distance: DistanceBetween,
  sizeBytes: number,
  options: AllocateOptions,
): ClientMemory | null {
  const nearest = nearestPool(pools, clients, distance, options.seed);
  const peer = nearest?.pool.alloc(sizeBytes) ?? null;
  if (nearest !== null && peer !== null) return { source: "peer", range: peer, ...nearest };
  const range = options.fallback?.alloc(sizeBytes) ?? null;
  return range === null ? null : { source: "ram", range, why: nearest === null ? "no-provider" : "pool-full" };
}

/** A number below `count`, spread evenly over seeds that follow each other. */
function chooseBySeed(seed: number, count: number): number {
  return mixBits(seed) % Math.max(count, 1);
}
