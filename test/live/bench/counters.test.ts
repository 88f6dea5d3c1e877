import { describe, expect, test } from "vitest";
import { DramCounters } from "../../../src/live/bench/dram-counters.ts";
import { PerfEvent } from "../../../src/live/bench/perf-event.ts";
import { encodeTerms, findDramEvents, parseCpuList } from "../../../src/live/bench/uncore-events.ts";
import { isUnknown } from "../../../src/pci/known.ts";
import { treeOf } from "../tree-of.ts";

const AT = "sys/bus/event_source/devices";

function intel(source: string, more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries({
      ...{ type: "24\n", cpumask: "0,18\n", "format/event": "config:0-7\n", "format/umask": "config:8-15\n" },
      ...{ "events/cas_count_read": "event=0x04,umask=0x03\n", "events/cas_count_write": "event=0x04,umask=0x0c\n" },
      ...{ "events/cas_count_read.scale": "6.103515625e-5\n", "events/cas_count_read.unit": "MiB\n" },
      ...{ "events/cas_count_write.scale": "6.103515625e-5\n", "events/cas_count_write.unit": "MiB\n" },
      ...{ "events/clockticks": "event=0x00,umask=0x00\n" },
      ...more,
    }).map(([file, text]) => [`${AT}/${source}/${file}`, text]),
  );
}

describe("memory controllers' counters", () => {
  test("of Intel are those of sysfs, 64 bytes a count, on one CPU of each package", () => {
    expect(findDramEvents(treeOf({ ...intel("uncore_imc_0"), [`${AT}/software/type`]: "1" }))).toEqual([
      ...(["read", "write"] as const).map((direction) => ({
        ...{ source: "uncore_imc_0", type: 24, config1: 0n, cpus: [0, 18], bytesPerCount: 64, direction },
        config: direction === "read" ? 0x304n : 0xc04n,
      })),
    ]);
  });

  test("are counted once where a controller shows them twice", () => {
    const free = {
      ...{ "events/data_read": "event=0xff,umask=0x20", "events/data_read.scale": "6.103515625e-5" },
      "events/data_read.unit": "MiB",
    };
    const names = (files: Readonly<Record<string, string>>): readonly string[] => {
      const events = findDramEvents(treeOf(files));
      return isUnknown(events) ? [] : events.map(({ source }) => source);
    };
    const both = { ...intel("uncore_imc_0"), ...intel("uncore_imc_free_running_0", free) };
    expect(new Set(names(both))).toEqual(new Set(["uncore_imc_0"]));
    expect(names(intel("uncore_imc_free_running_0", free))).toContain("uncore_imc_free_running_0");
  });

  test("of AMD Zen 4 are CAS commands by direction", () => {
    const files = {
      ...{ [`${AT}/amd_umc_3/type`]: "40", [`${AT}/amd_umc_3/cpumask`]: "0" },
      ...{ [`${AT}/amd_umc_3/format/event`]: "config:0-7", [`${AT}/amd_umc_3/format/rdwrmask`]: "config:8-9" },
    };
    expect(findDramEvents(treeOf(files))).toMatchObject([
      { direction: "read", config: 0x10an, bytesPerCount: 64 },
      { direction: "write", config: 0x20an, cpus: [0] },
    ]);
  });

  test.for<[string, Readonly<Record<string, string>>, RegExp]>([
    ["has none", {}, /no memory controller's counters \(uncore_imc, amd_umc\)/],
    ["is an older AMD", { [`${AT}/amd_df/type`]: "9" }, /Zen 4 or newer/],
    [
      "does not say their scale",
      intel("uncore_imc_0", { "events/cas_count_read.scale": "much", "events/cas_count_write.unit": "furlongs" }),
      /virtual machines/,
    ],
    ["has no format of a field", intel("uncore_imc_0", { "format/umask": "" }), /virtual machines/],
    ["names no CPU", intel("uncore_imc_0", { cpumask: "all of them" }), /virtual machines/],
  ])("are unknown, with the reason, where a system %s", ([, files, reason]) => {
    const events = findDramEvents(treeOf(files));
    expect(isUnknown(events) ? events.unknown : events).toMatch(reason);
  });

  test("that do not open say why", async () => {
    const counters = await DramCounters.open(treeOf(intel("uncore_imc_0", { type: "999999" })));
    expect(isUnknown(counters) ? counters.unknown : "opened").toMatch(/do not open: perf_event_open: E|no permission/);
  });
});

describe("terms of an event", () => {
  const format = (field: string) => ({ event: "config:0-7,32-35", edge: "config:18", more: "config1:4-7" })[field];

  test("fill the bits of their formats, lowest first", () => {
    expect(encodeTerms("event=0x5a7,edge,more=3", format)).toEqual({ config: 0x5_0004_00a7n, config1: 0x30n });
  });

  test.for(["unheard=1", "event=zz", "", "event"])("'%s' is taken or refused as a whole", (terms) => {
    expect(encodeTerms(terms, format)).toEqual(terms === "event" ? { config: 1n, config1: 0n } : undefined);
  });
});

test.for<[string, readonly number[]]>([
  ["0", [0]],
  ["0-2,18\n", [0, 1, 2, 18]],
  ["", []],
  ["0-", []],
  ["0-99999999999", []],
])("the list of CPUs '%s' is read", ([text, cpus]) => {
  expect(parseCpuList(text)).toEqual(cpus);
});

test("the perf subsystem counts this process's CPU time", async (context) => {
  // PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK: nanoseconds.
  const counter = await PerfEvent.open({ type: 1, config: 1n, where: "process" }).catch((error: Error) => error);
  if (counter instanceof Error) return context.skip(`this system refuses: ${counter.message}`);
  const before = counter.read();
  // Time on a CPU, of which a busy machine gives as much in the end.
  const used = (since?: NodeJS.CpuUsage): number => process.cpuUsage(since).user + process.cpuUsage(since).system;
  const start = process.cpuUsage();
  while (used(start) < 50_000);
  const taken = counter.read() - before;
  counter.close();
  expect(taken).toBeGreaterThan(5e6);
  expect(taken).toBeLessThan(1e9);
});

test("an event that there is not has an errno", async () => {
  const failure = await PerfEvent.open({ type: 999_999, config: 0n, where: "process" }).catch((error) => error);
  expect(failure).toMatchObject({ code: "environment", facts: { errno: expect.stringMatching(/^E[A-Z]+$/) } });
});
