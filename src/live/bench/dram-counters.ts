import { type FileTree, readText } from "../../host/file-tree.ts";
import type { DramTraffic } from "../../measured/bench.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown, type Known, unknown } from "../../pci/known.ts";
import { PerfEvent } from "./perf-event.ts";
import { findDramEvents, type UncoreEvent } from "./uncore-events.ts";

/** What memory controllers read and write, of the whole system. */
export class DramCounters {
  readonly #counters: readonly { readonly event: UncoreEvent; readonly counter: PerfEvent }[];

  private constructor(counters: readonly { readonly event: UncoreEvent; readonly counter: PerfEvent }[]) {
    this.#counters = counters;
  }

  /** Opens all counters of all memory controllers; unknown, with the reason, where there are none or one cannot be had. */
  static async open(tree: FileTree): Promise<Known<DramCounters>> {
    const events = findDramEvents(tree);
    if (isUnknown(events)) return events;
    const counters: { event: UncoreEvent; counter: PerfEvent }[] = [];
    try {
      for (const event of events) {
        for (const cpu of event.cpus) {
          counters.push({ event, counter: await PerfEvent.open({ ...event, where: { cpu } }) });
        }
      }
    } catch (cause) {
      for (const { counter } of counters) counter.close();
      if (!(cause instanceof PeerlaneError)) throw cause;
      return unknown(reasonOf(tree, cause));
    }
    return new DramCounters(counters);
  }

  /** Bytes since the counters were opened. */
  read(): DramTraffic {
    const traffic = { readBytes: 0, writtenBytes: 0 };
    for (const { event, counter } of this.#counters) {
      const bytes = counter.read() * event.bytesPerCount;
      if (event.direction === "read") traffic.readBytes += bytes;
      else traffic.writtenBytes += bytes;
    }
    return traffic;
  }

  close(): void {
    for (const { counter } of this.#counters) counter.close();
  }
}

function reasonOf(tree: FileTree, { facts, message }: PeerlaneError): string {
  const errno = facts["errno"];
  if (errno !== "EACCES" && errno !== "EPERM") return `the memory controllers' counters do not open: ${message}`;
  const paranoid = readText(tree, "proc/sys/kernel/perf_event_paranoid")?.trim() ?? "hidden";
  return `no permission to count memory traffic (perf_event_paranoid is ${paranoid}): run it as root, or with CAP_PERFMON`;
}
