import type { Readable } from "node:stream";
import { type GatherEvents, Gathering } from "./gather.ts";
import { Journal } from "./journal.ts";
import { Pool, type WorkerEntry } from "./pool.ts";
import type { Fleet } from "./result.ts";
import { findMachines } from "./sources.ts";
import type { ReadingTools } from "./take.ts";

/** How a fleet is read. */
export interface FleetOptions extends GatherEvents {
  /** Workers side by side. */
  readonly jobs: number;
  /** How they are started; without it all is read here. */
  readonly worker?: WorkerEntry | undefined;
  readonly tools: ReadingTools;
  /** What `-` reads. */
  readonly input: () => Readable;
  /** Folder of the results: what was read is noted there, and a run that was ended goes on from it. */
  readonly results?: string | undefined;
  /** How many an earlier run had read. */
  readonly onResume?: (known: number) => void;
}

/**
 * Reads all machines of sources (`findMachines` says which) and tells which are alike. One that cannot be read is a row
 * with its reason. `finish` takes the whole fleet before the journal of a run with results goes.
 */
export async function readFleet(
  sources: readonly string[],
  options: FleetOptions,
  finish: (fleet: Fleet) => void | Promise<void> = () => {},
): Promise<Fleet> {
  const { results, jobs, worker, tools, input } = options;
  const journal = results === undefined ? undefined : new Journal(results, "");
  if (journal !== undefined && journal.known > 0) options.onResume?.(journal.known);
  const pool = new Pool(jobs, worker, tools);
  let isWhole = false;
  try {
    const found = findMachines(sources, { input, ...(results === undefined ? {} : { except: results }) });
    const fleet = await new Gathering(pool, journal, options).run(found);
    await finish(fleet);
    isWhole = true;
    return fleet;
  } finally {
    await pool.close();
    journal?.close(isWhole);
  }
}
