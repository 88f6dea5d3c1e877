import type { Topology } from "../../../pci/topology.ts";
import type { TimedWay } from "../../../timed/runs/time-workload.ts";
import type { AskedFlow } from "../../../timed/runs/timed-run.ts";
import { nameIn } from "../../device-names.ts";
import { gbpsText } from "../../predict/numbers.ts";

/** The ways of a step's data, in words. */
export const WAY_WORDS: Readonly<Record<TimedWay, string>> = { "as-asked": "as asked", "through-ram": "through RAM" };

/** `nvme1 writes into gpu0`. */
export function flowText(topology: Topology, { provider, client, operation }: AskedFlow): string {
  const memory = provider === "host-memory" ? "RAM" : nameIn(topology, provider);
  return `${nameIn(topology, client)} ${operation === "write" ? "writes into" : "reads from"} ${memory}`;
}

/** `0.84 µs`, `12.3 µs`, `1.31 ms`. */
export function durationText(ns: number): string {
  const [value, unit] = ns < 1e6 ? [ns / 1e3, "µs"] : [ns / 1e6, "ms"];
  return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ${unit}`;
}

/** GB/s of so many bytes in so many nanoseconds; a plain 0 for none. */
export function rateText(bytes: number, ns: number): string {
  return bytes === 0 ? "0" : gbpsText(bytes / ns);
}

/** `97 %`. */
export function partText(part: number): string {
  return `${Math.round(100 * part)} %`;
}
