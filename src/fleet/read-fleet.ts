import type { Readable } from "node:stream";
import { type GatherEvents, Gatherer, type Shard } from "./gather.ts";
import { Journal } from "./journal.ts";
import { Pool, type WorkerEntry } from "./pool.ts";
import type { Fleet } from "./result.ts";
import { findMachines } from "./sources.ts";
import { readResults, writeResults } from "./store.ts";
import type { ReadingTools } from "./take.ts";
import { type OnCompare, tellClasses } from "./tell.ts";

/** Who does the work. */
export interface PoolOptions {
  /** Workers side by side. */
  readonly jobs: number;
  /** How they are started; without it all is done here. */
  readonly worker?: WorkerEntry | undefined;
  readonly tools: ReadingTools;
}

/** How a fleet is read. */
export interface FleetOptions extends GatherEvents, PoolOptions {
  /** What `-` reads. */
  readonly input: () => Readable;
  /** Folder of the results: what was read is noted there, and a run that was ended goes on from it. */
  readonly results?: string | undefined;
  readonly shard?: Shard | undefined;
  readonly onCompare?: OnCompare;
  /** How many an earlier run had read. */
  readonly onResume?: (known: number) => void;
}

/**
 * Reads all machines of sources (`findMachines` says which) and tells which are alike. One that cannot be read is a row
 * with its reason. With a folder for results they are written there.
 */
export async function readFleet(sources: readonly string[], options: FleetOptions): Promise<Fleet> {
  const { results, input, shard } = options;
  const asked = JSON.stringify(shard ?? null);
  const journal = results === undefined ? undefined : new Journal(results, asked);
  if (journal !== undefined && journal.known > 0) options.onResume?.(journal.known);
  let isWhole = false;
  try {
    const fleet = await withPool(options, async (pool) => {
      const gatherer = new Gatherer(pool, journal, options);
      try {
        const found = findMachines(sources, { input, ...(results === undefined ? {} : { except: results }) });
        return await tellClasses(await gatherer.run(found, shard), pool, options.onCompare);
      } finally {
        gatherer.clear();
      }
    });
    if (results !== undefined) writeResults(results, fleet);
    isWhole = true;
    return fleet;
  } finally {
    journal?.close(isWhole);
  }
}

/** Puts the results of shards together: what one run over all of it would have given. */
export async function mergeShards(
  folders: readonly string[],
  options: PoolOptions & { onCompare?: OnCompare },
): Promise<Fleet> {
  const gathered = await readResults(folders);
  return withPool(options, (pool) => tellClasses(gathered, pool, options.onCompare));
}

async function withPool<T>({ jobs, worker, tools }: PoolOptions, work: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = new Pool(jobs, worker, tools);
  try {
    return await work(pool);
  } finally {
    await pool.close();
  }
}
