import type { Machine } from "../host/machine.ts";
import type { Device } from "../host/select.ts";
import { formatAddress, type PhysAddr } from "../pci/addresses.ts";
import { formatBdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import { providerOf } from "./machine-bars.ts";
import { P2pPool, poolsOf } from "./p2p-pool.ts";
import type { PageMaps } from "./page-maps.ts";

/** Which part of the BAR, and how it is offered. */
export interface EnableP2pOptions {
  /** A pool of the same function to add the BAR to; without it, the one that it has, or a new one. */
  readonly pool?: P2pPool;
  /** First byte of the part, from the BAR's start, page granular; 0 by default. */
  readonly offset?: number;
  /** Bytes of the part; to the BAR's end by default. */
  readonly sizeBytes?: number;
  /** False keeps the pool from being found; true by default. */
  readonly publish?: boolean;
  /** For a new pool: no user space. */
  readonly kernelUsersOnly?: boolean;
}

/**
 * Makes a BAR a provider of peer memory in one call: struct pages for it, a pool over them, published
 * (`pci_p2pdma_add_resource` and `pci_p2pmem_publish`, Linux 7.2). Throws `unknown-device` where the function has no such
 * BAR, `bad-input` where the part is not in it or has pages already.
 *
 * MODEL: any page-granular part will do; x86 hot-plugs struct pages in units of 2 MiB, and refuses others.
 */
export function enableP2p(
  maps: PageMaps,
  machine: Machine,
  device: Device,
  bar: number,
  options: EnableP2pOptions = {},
): P2pPool {
  const { provider, range } = providerOf(machine, device, bar);
  const { owner } = provider;
  const offset = options.offset ?? 0;
  const sizeBytes = options.sizeBytes ?? range.sizeBytes - offset;
  if (!(offset >= 0) || !(sizeBytes > 0) || !(offset + sizeBytes <= range.sizeBytes)) {
    throw new PeerlaneError(
      "bad-input",
      `${sizeBytes} bytes from ${offset} on are not in BAR ${bar} of ${formatBdf(owner)}`,
      {
        facts: { bar: formatAddress(range.start), size: formatAddress(range.sizeBytes) },
      },
    );
  }
  const { kernelUsersOnly = false } = options;
  const pool = options.pool ?? poolsOf(maps).get(owner) ?? new P2pPool(maps, owner, { kernelUsersOnly });
  pool.addResource(provider, { start: (range.start + offset) as PhysAddr, sizeBytes });
  if (options.publish ?? true) pool.publish();
  return pool;
}
