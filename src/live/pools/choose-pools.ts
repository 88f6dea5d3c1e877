import type { LeftAlone } from "../../measured/pools.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { Host } from "../host.ts";
import type { MemoryPool } from "./memory-pool.ts";
import { type PermittedPool, type PoolConsent, permitPool, poolUse, refusalOf } from "./pool-use.ts";
import { requirePools } from "./preflight.ts";

/**
 * The pools of a host that may be mapped; or those of the devices that each word of the user means. Throws
 * `unsupported`, with the reason, where all that a word means are left alone or have no pool, and `environment` where
 * nothing is named and nothing may be used.
 */
export function choosePools(
  host: Host,
  consent: PoolConsent,
  via: readonly (readonly Bdf[])[] = [],
): readonly PermittedPool[] {
  if (via.length > 0) return [...new Set(via.flatMap((devices) => poolsOf(host.pools, devices, consent)))];
  requirePools(host.tree, host.machine, host.pools, consent);
  return permittedOf(host.pools, consent);
}

/** The pools of a host that are not taken, with the reason. */
export function leftAlonePools({ pools }: Host, consent: PoolConsent): readonly LeftAlone[] {
  return pools.flatMap((pool) => {
    const use = poolUse(pool);
    if (use.kind === "usable" || permitPool(pool, consent) !== null) return [];
    return [{ provider: pool.provider, use }];
  });
}

function permittedOf(pools: readonly MemoryPool[], consent: PoolConsent): readonly PermittedPool[] {
  return pools.flatMap((pool) => permitPool(pool, consent) ?? []);
}

function poolsOf(
  pools: readonly MemoryPool[],
  devices: readonly Bdf[],
  consent: PoolConsent,
): readonly PermittedPool[] {
  const named = pools.filter(({ provider }) => devices.includes(provider));
  const permitted = permittedOf(named, consent);
  if (permitted.length > 0) return permitted;
  for (const pool of named) {
    const use = poolUse(pool);
    if (use.kind !== "usable") throw refusalOf(pool, use);
  }
  const [first, ...others] = devices.map(formatBdf);
  const who = others.length === 0 ? `${first} has` : `${first} and ${others.length} others have`;
  throw new PeerlaneError("unsupported", `${who} no peer memory that can be mapped`, {
    remedy: "peerlane p2pmem lists the pools of this host",
  });
}
