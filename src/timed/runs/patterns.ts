import type { Machine } from "../../host/machine.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { entryAt } from "../../pci/entry-at.ts";
import type { PeerDirection } from "../../routes/peer-routes.ts";
import type { Pattern } from "./pattern-names.ts";
import { firstReason, type NamedRun, type RunObserver } from "./time-workload.ts";
import { runInTime, type TimedRun } from "./timed-run.ts";

/** Devices of a pattern; all pairs of more take too long. */
export const MOST_PATTERN_DEVICES = 16;

/** Bytes of each copy of a pattern, which follow each other. */
export const COPY_BYTES: number = 1 << 18;
/** Nanoseconds that each part of a pattern is run: long against the latency of a copy, short enough for all pairs. */
export const PATTERN_NS = 100_000;

/** Pairs of positions: who has the memory, and who reads or writes it. */
interface Part {
  readonly name: string;
  readonly pairs: readonly (readonly [provider: number, client: number])[];
}

/** The parts of a pattern over so many devices, each of which is run alone. */
export function partsOf(pattern: Pattern, names: readonly string[]): readonly Part[] {
  const all = names.map((_, at) => at);
  const others = (client: number): Part["pairs"] =>
    all.flatMap((provider) => (provider === client ? [] : [[provider, client] as const]));
  const nameAt = (at: number): string => entryAt(names, at);
  switch (pattern) {
    case "sequential":
      return all.flatMap((client) =>
        others(client).map((pair) => ({ name: `${nameAt(client)} with ${nameAt(pair[0])}`, pairs: [pair] })),
      );
    case "stagger":
      return all.slice(1).map((distance) => ({
        name: `each with the one ${distance} further on`,
        pairs: all.map((client) => [(client + distance) % all.length, client] as const),
      }));
    case "single-reader":
      return all.map((client) => ({ name: `${nameAt(client)} with all others`, pairs: others(client) }));
    case "all-at-once":
      return [{ name: "all with all", pairs: all.flatMap(others) }];
  }
}

export interface PatternOptions {
  readonly operation: PeerDirection;
  readonly rules?: string | undefined;
  readonly lengthNs?: number | undefined;
  readonly observer?: RunObserver | undefined;
  /** Told after each part: how many are done, of how many. */
  readonly progress?: ((done: number, total: number) => void) | undefined;
}

/** Runs a pattern on some devices of a machine, `names` what people call them. */
export function runPattern(
  machine: Machine,
  pattern: Pattern,
  devices: readonly Bdf[],
  names: readonly string[],
  { operation, rules, lengthNs = PATTERN_NS, observer, progress }: PatternOptions,
): readonly NamedRun[] {
  const parts = partsOf(pattern, names);
  return parts.map(({ name, pairs }, at): NamedRun => {
    const flows = pairs.map(([provider, client]) => ({
      provider: entryAt(devices, provider),
      client: entryAt(devices, client),
      operation,
      sizeBytes: COPY_BYTES,
      bytes: Number.POSITIVE_INFINITY,
      engine: { kind: "gpu-copy" } as const,
      follows: null,
    }));
    const run: TimedRun = runInTime(machine, flows, { rules, lengthNs, observer: observer?.start(name, "as-asked") });
    observer?.end(run);
    progress?.(at + 1, parts.length);
    return { name, way: "as-asked", outcome: null, why: run.result === null ? firstReason(run) : null, run };
  });
}
