import { isUnknown } from "../../src/pci/known.ts";
import type { VerdictTable } from "../../src/rules/verdict-table.ts";
import type { TimedOptions } from "../../src/timed/options.ts";
import { TimedFabric, type TimedFlow } from "../../src/timed/timed-fabric.ts";

/** A flow by the positions of its ends, `0 <- 1` of a write of 1 into 0 and `0 -> 1` of a read, `host` for memory. */
export function flowOf(text: string, more: Partial<TimedFlow> = {}): TimedFlow {
  const match = /^(\d+|host) (<-|->) (\d+)$/.exec(text);
  if (match === null) throw new Error(`${text} is no flow`);
  const [, provider = "", arrow = "", client = ""] = match;
  return {
    provider: provider === "host" ? "host-memory" : Number(provider),
    client: Number(client),
    operation: arrow === "<-" ? "write" : "read",
    sizeBytes: 1 << 20,
    ...more,
  };
}

/** A fabric with flows, each of which has to be known. */
export function fabricOf(table: VerdictTable, flows: readonly TimedFlow[], options?: TimedOptions): TimedFabric {
  const fabric = new TimedFabric(table, options);
  for (const flow of flows) {
    const number = fabric.addFlow(flow);
    if (isUnknown(number)) throw new Error(number.unknown);
  }
  return fabric;
}
