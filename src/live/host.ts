import type { FileTree } from "../host/file-tree.ts";
import { liveTree, readLive } from "../host/live.ts";
import type { Machine } from "../host/machine.ts";
import { type MemoryPool, readPools } from "./pools/memory-pool.ts";
import { realSystem, type SystemCalls } from "./system-calls.ts";

/** This host, as live work sees it. */
export interface Host {
  /** Its files, from the root. */
  readonly tree: FileTree;
  /** How its disks and files are read and written. */
  readonly system: SystemCalls;
  readonly machine: Machine;
  readonly pools: readonly MemoryPool[];
}

/** Reads this host. */
export function readHost(): Host {
  const tree = liveTree();
  const machine = readLive();
  return { tree, system: realSystem, machine, pools: readPools(tree, machine) };
}
