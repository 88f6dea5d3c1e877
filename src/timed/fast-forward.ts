import { noEntry } from "../pci/entry-at.ts";
import type { Layout } from "./layout.ts";
import { PS_PER_NS } from "./layout.ts";
import type { Simulation } from "./simulation.ts";
import { BUSY, USAGE_SHIFT } from "./usage.ts";

/**
 * Rates count as steady where three windows of time that follow each other differ by no more than this part, and no
 * operation took longer than a window.
 */
const TOLERANCE = 0.001;
/** The first length of a window, and how many are tried before it is twice as long. */
const FIRST_WINDOW_NS = 10_000;
const TRIES = 6;
/** A skip spares at least as many windows; shorter ones are not worth their risk. */
const LEAST_SKIP = 2;

/** What all counters were at one moment. */
interface Counts {
  readonly delivered: Float64Array;
  readonly usage: Float64Array;
  readonly latencies: Float64Array;
  readonly replays: number;
  readonly walks: number;
}

/**
 * Carries out a simulation from its start to an end (`Infinity`: until all flows are done), its flows beginning at their
 * times. Where `isFast`, stretches in which the rates of all flows are steady are skipped: the counters grow by as much as
 * in the windows that were measured, and what is under way stays as it is. Yields false where no event is left before the
 * end and a flow is not done.
 */
export function advance(simulation: Simulation, layout: Layout, endPs: number, isFast: boolean): boolean {
  const { sources } = simulation;
  const isToEnd = endPs === Number.POSITIVE_INFINITY;
  const starts = layout.flows.map(({ startNs }) => Math.round(startNs * PS_PER_NS));
  const waiting = [...starts.keys()].sort((a, b) => (starts[a] ?? 0) - (starts[b] ?? 0));
  for (;;) {
    const time = starts[waiting[0] ?? -1] ?? Number.POSITIVE_INFINITY;
    if (waiting.length > 0 && time <= endPs) {
      const goesOn = runSegment(simulation, Math.min(time, endPs), false, isFast);
      sources.start(waiting.shift() ?? 0, Math.max(simulation.now, time - simulation.skippedPs));
      if (!goesOn && sources.unfinished === 0 && waiting.length === 0 && isToEnd) return true;
      continue;
    }
    const goesOn = runSegment(simulation, endPs, isToEnd, isFast);
    return goesOn || sources.unfinished === 0 || !isToEnd;
  }
}

/** Up to an end at which, or before which, no flow begins. */
function runSegment(simulation: Simulation, endPs: number, isToEnd: boolean, isFast: boolean): boolean {
  if (!isFast) return simulation.run(endPs - simulation.skippedPs, isToEnd);
  const { sources } = simulation;
  let windowPs = FIRST_WINDOW_NS * PS_PER_NS;
  let counts = [countsOf(simulation)];
  let tries = 0;
  // Windows lie one behind the other in the clock of the events, which no skip moves.
  let edge = simulation.now;
  for (;;) {
    const left = endPs - simulation.skippedPs - edge;
    if (left < windowPs * (LEAST_SKIP + 1)) return simulation.run(endPs - simulation.skippedPs, isToEnd);
    edge += windowPs;
    if (!simulation.run(edge, isToEnd)) return false;
    if (isToEnd && sources.unfinished === 0) return true;
    counts.push(countsOf(simulation));
    if (counts.length > 4) counts.shift();
    tries++;
    if (counts.length === 4 && windowPs >= sources.longestPs && isSteady(counts)) {
      const first = counts[0] ?? countsOf(simulation);
      const span = 3 * windowPs;
      const times = Math.min(mostTimes(simulation, first), (endPs - simulation.skippedPs - edge - windowPs) / span);
      if (Math.floor(times) >= 1) {
        skip(simulation, first, span, Math.floor(times), edge);
        counts = [countsOf(simulation)];
        tries = 0;
        continue;
      }
    }
    if (tries < TRIES) continue;
    tries = 0;
    windowPs *= 2;
    counts = [countsOf(simulation)];
  }
}

function countsOf({ sources, usage, replays, walks }: Simulation): Counts {
  return {
    delivered: sources.delivered.slice(),
    usage: usage.records.slice(),
    latencies: sources.latencies.copy(),
    replays,
    walks,
  };
}

/** True where every flow brought as much in each window as in the first, or nothing in any. */
function isSteady(counts: readonly Counts[]): boolean {
  const brought = counts
    .slice(1)
    .map(({ delivered }, at) => delivered.map((sum, flow) => sum - (counts[at]?.delivered[flow] ?? 0)));
  const [first] = brought;
  if (first === undefined || first.every((bytes) => bytes === 0)) return false;
  return brought.every((each) =>
    each.every((bytes, flow) => Math.abs(bytes - (first[flow] ?? 0)) <= TOLERANCE * (first[flow] ?? 0)),
  );
}

/** How often what was counted since `first` may be added before a flow comes near its end. */
function mostTimes({ sources }: Simulation, first: Counts): number {
  let most = Number.POSITIVE_INFINITY;
  for (const [flow, total] of sources.totals.entries()) {
    const delivered = sources.delivered[flow] ?? noEntry(flow);
    if (total === Number.POSITIVE_INFINITY || delivered >= total) continue;
    const grown = delivered - (first.delivered[flow] ?? noEntry(flow));
    const left = total - (sources.issued[flow] ?? noEntry(flow));
    // As much as one span more is left to be carried out.
    if (grown > 0) most = Math.min(most, left / grown - 1);
  }
  return most;
}

function skip(simulation: Simulation, first: Counts, spanPs: number, times: number, edge: number): void {
  const { sources, usage } = simulation;
  const from = edge + simulation.skippedPs;
  const busy = Float64Array.from({ length: usage.records.length >> USAGE_SHIFT }, (_, station) => {
    const at = (station << USAGE_SHIFT) + BUSY;
    return times * ((usage.records[at] ?? noEntry(at)) - (first.usage[at] ?? noEntry(at)));
  });
  for (const [flow, size] of sources.sizes.entries()) {
    // As much is issued as is delivered, so that what is under way stays what it is; whole operations where that is exact.
    const grown = times * ((sources.delivered[flow] ?? noEntry(flow)) - (first.delivered[flow] ?? noEntry(flow)));
    const unit = size < grown * (TOLERANCE / 2) ? size : 1;
    const bytes = Math.round(grown / unit) * unit;
    sources.issued[flow] = (sources.issued[flow] ?? noEntry(flow)) + bytes;
    sources.delivered[flow] = (sources.delivered[flow] ?? noEntry(flow)) + bytes;
    sources.operations[flow] = (sources.operations[flow] ?? noEntry(flow)) + bytes / size;
  }
  usage.skip(from, from + times * spanPs, busy);
  for (let at = 0; at < usage.records.length; at++) {
    // How long each was busy is counted by then.
    if ((at & ((1 << USAGE_SHIFT) - 1)) === BUSY) continue;
    const value = usage.records[at] ?? noEntry(at);
    usage.records[at] = value + times * (value - (first.usage[at] ?? noEntry(at)));
  }
  sources.latencies.growSince(first.latencies, times);
  simulation.replays += times * (simulation.replays - first.replays);
  simulation.walks += times * (simulation.walks - first.walks);
  simulation.skippedPs += times * spanPs;
  simulation.skips++;
}
