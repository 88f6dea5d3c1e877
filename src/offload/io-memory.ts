import { functionIn, type System } from "../devices/system.ts";
import { type DmaFailure, dmaFailure } from "../dma/dma-error.ts";
import type { Device } from "../host/select.ts";
import { nearestPool } from "../memory/allocate-for-clients.ts";
import type { P2pPool } from "../memory/p2p-pool.ts";
import type { PhysRange } from "../pci/addresses.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";

/** Whose memory a target shall use: the nearest published one, a given one, or none but RAM. */
export type PeerMemoryChoice = "auto" | "off" | { readonly provider: Device };

/** Why a queue, or one of its I/Os, has no peer memory. */
export type WhyRam =
  /** Peer memory was not asked for. */
  | "off"
  /** What maps for one of the clients refuses peer memory. */
  | "client-refuses"
  /** No published memory is within reach of all clients, or the given one is not. */
  | "no-provider"
  /** The memory that was chosen had no run as long left. */
  | "pool-full";

/** What was decided at queue creation. */
export type ChosenProvider =
  | { readonly source: "peer"; readonly pool: P2pPool; readonly distance: number }
  | { readonly source: "ram"; readonly why: Exclude<WhyRam, "pool-full"> };

/** Memory of one I/O. */
export interface IoBuffer {
  readonly range: PhysRange;
  readonly origin:
    | { readonly source: "peer"; readonly provider: Bdf }
    | { readonly source: "ram"; readonly why: WhyRam };
  release(): void;
}

/**
 * Chooses the memory of a queue for its clients, once, as the kernel's target does when a controller is made
 * (`nvmet_p2pmem_ns_add_p2p`, Linux 7.2): the smallest sum of distances, ties by the seed, where the kernel decides at
 * random. This is `findProvider` of the rules with the pools that the model has, which may be more than the machine shows.
 * Throws `unsupported` where a verdict that decides is unknown.
 */
export function chooseProvider(
  system: System,
  clients: readonly Bdf[],
  choice: PeerMemoryChoice,
  seed: number,
): ChosenProvider {
  if (choice === "off") return { source: "ram", why: "off" };
  if (clients.some((client) => !system.opsOf(client).takesPeers)) return { source: "ram", why: "client-refuses" };
  const pools = [...system.pools.values()];
  const named = choice === "auto" ? null : functionIn(system, choice.provider, "NvmeOfTarget");
  const candidates = named === null ? pools : pools.filter(({ owner }) => owner === named);
  const nearest = nearestPool(candidates, clients, system.distance, seed);
  return nearest === null ? { source: "ram", why: "no-provider" } : { source: "peer", ...nearest };
}

/**
 * Why a user of one device's memory cannot have what was asked for, `null` where it can: EINVAL, as the kernel's target
 * says when a namespace with peer memory is enabled (`nvmet_p2pmem_ns_enable`, Linux 7.2). Asked of the drive alone: that a
 * NIC is too far shows when a host connects. Throws `unsupported` where a verdict that decides is unknown.
 */
export function refuseProvider(system: System, drive: Bdf, choice: PeerMemoryChoice): DmaFailure | null {
  if (choice === "off") return null;
  const name = formatBdf(drive);
  if (!system.opsOf(drive).takesPeers) {
    return dmaFailure("EINVAL", `what maps for ${name} takes no peer memory`);
  }
  if (choice === "auto") {
    const nearest = nearestPool([...system.pools.values()], [drive], system.distance, 0);
    return nearest === null ? dmaFailure("EINVAL", `no published peer memory is within reach of ${name}`) : null;
  }
  const provider = functionIn(system, choice.provider, "NvmeOfTarget");
  if (system.pools.get(provider)?.isPublished !== true) {
    return dmaFailure("EINVAL", `${formatBdf(provider)} has no published peer memory`);
  }
  if (system.distance(provider, drive) >= 0) return null;
  return dmaFailure("EINVAL", `${name} cannot reach the peer memory of ${formatBdf(provider)}`);
}

/**
 * Takes memory for one I/O: of the chosen provider, and of RAM where it has none left, as the kernel does; another
 * provider is not tried. Throws `operation-failed` where RAM is used up too.
 */
export function takeIoBuffer(system: System, chosen: ChosenProvider, sizeBytes: number): IoBuffer {
  if (chosen.source === "peer") {
    const { pool } = chosen;
    const range = pool.alloc(sizeBytes);
    if (range !== null) {
      return { range, origin: { source: "peer", provider: pool.owner }, release: () => pool.free(range) };
    }
  }
  const range = system.ram.alloc(sizeBytes);
  const why = chosen.source === "peer" ? "pool-full" : chosen.why;
  if (range !== null) return { range, origin: { source: "ram", why }, release: () => system.ram.free(range) };
  throw new PeerlaneError("operation-failed", `neither peer memory nor RAM has ${sizeBytes} bytes in one run left`, {
    remedy: "give the model more RAM, or send smaller I/O",
  });
}
