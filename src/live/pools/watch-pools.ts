import { setTimeout as sleep } from "node:timers/promises";
import type { Host } from "../host.ts";
import { type MemoryPool, readPools } from "./memory-pool.ts";

/** Yields the pools of a host now and at each interval (seconds) until `signal` is aborted. Devices are not read anew. */
export async function* watchPools(
  host: Host,
  intervalSeconds: number,
  signal: AbortSignal,
): AsyncGenerator<readonly MemoryPool[]> {
  while (!signal.aborted) {
    yield readPools(host.tree, host.machine);
    await sleep(intervalSeconds * 1000, undefined, { signal }).catch(() => {});
  }
}
