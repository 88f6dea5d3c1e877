import type { PageMaps } from "./page-maps.ts";
import { PagePool } from "./page-pool.ts";
import type { PhysicalMap } from "./physical-map.ts";

/**
 * The RAM of a machine, with its struct pages, as a pool.
 *
 * MODEL: one first-fit allocator by address, without zones, nodes and other users: what is allocated lies as low as it
 * can, and is contiguous.
 */
export function systemMemory(maps: PageMaps, physicalMap: PhysicalMap): PagePool {
  const pool = new PagePool(maps, "ram");
  for (const range of physicalMap.ram) pool.addRange(range, null);
  return pool;
}
