import { describe, expect, test } from "vitest";
import { fioJobFile } from "../../../src/live/bench/fio-job.ts";
import { resolveJob } from "../../../src/live/bench/job.ts";
import { distributionOf, latencyHistogram, latencyOf } from "../../../src/live/bench/latency.ts";
import { benchPattern } from "../../../src/live/bench/pattern.ts";
import { ratioView, sideView, sliceView } from "../../../src/live/bench/result.ts";
import { planSlices, slicesPerSide } from "../../../src/live/bench/slices.ts";
import { Tally } from "../../../src/live/bench/tally.ts";
import { parseBdf } from "../../../src/pci/bdf.ts";
import { unknown } from "../../../src/pci/known.ts";

const DISK = { name: "nvme1n1", sizeBytes: 2 ** 30, logicalBlockBytes: 512 };

describe("slices", () => {
  test("take turns so that each side is first as often as the other", () => {
    const sides = planSlices(4, ["peer", "dram"]).map(({ side }) => side);
    expect(sides).toEqual(["peer", "dram", "dram", "peer", "peer", "dram", "dram", "peer"]);
  });

  test.for([0.1, 1, 3, 10, 11, 500, 86_400])("of %d seconds are even in number and add up", (seconds) => {
    const mine = planSlices(seconds, ["peer", "dram"]).filter(({ side }) => side === "peer");
    expect(mine.length % 2).toBe(0);
    expect(mine.length).toBe(slicesPerSide(seconds));
    expect(mine.reduce((sum, slice) => sum + slice.seconds, 0)).toBeCloseTo(seconds);
  });
});

describe("latencies", () => {
  test("are in order and near to what was recorded", () => {
    const histogram = latencyHistogram();
    for (let value = 1; value <= 10_000; value++) histogram.record(value * 1000);
    const latency = latencyOf(histogram);
    expect(latency?.p50).toBeGreaterThan(4_990_000);
    expect(latency?.p50).toBeLessThan(5_010_000);
    const values = Object.values({ ...latency, mean: 0 }).sort((a, b) => a - b);
    expect(values.slice(1)).toEqual([
      latency?.min,
      latency?.p50,
      latency?.p90,
      latency?.p99,
      latency?.p999,
      latency?.max,
    ]);
    const points = distributionOf(histogram).map(({ latencyNs }) => latencyNs);
    expect(points).toEqual(points.toSorted((a, b) => a - b));
    expect(distributionOf(histogram).at(-1)).toMatchObject({ percentile: 100, latencyNs: latency?.max });
  });

  test("of nothing are nothing", () => {
    expect(latencyOf(latencyHistogram())).toBeNull();
    expect(distributionOf(latencyHistogram())).toEqual([]);
  });

  test("show only percentiles that so few can show", () => {
    const histogram = latencyHistogram();
    for (let value = 1; value <= 20; value++) histogram.record(value);
    expect(distributionOf(histogram).map(({ percentile }) => percentile)).toEqual([
      ...[0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 85, 90, 92.5, 95, 100],
    ]);
  });
});

test("slices of a side add up, and its ratio has the spread of slices beside each other", () => {
  const job = resolveJob({}, DISK);
  const slice = (side: "peer" | "dram", index: number, ios: number) => {
    const tally = new Tally();
    for (let io = 0; io < ios; io++) tally.read.count(131_072, 1000 * (io + 1));
    const dram = side === "peer" ? { readBytes: 5, writtenBytes: 7 } : unknown("hidden by the test");
    const cpu = { userSeconds: 0.1, systemSeconds: 0.2 };
    return { side, index, startSeconds: index, seconds: 1, tally, cpu, loopUtilization: 0.5, dram };
  };
  const slices = [slice("peer", 0, 10), slice("dram", 0, 20), slice("dram", 1, 20), slice("peer", 1, 15)];
  const [peer, dram] = [sideView(job, slices, "peer"), sideView(job, slices, "dram")];
  expect(peer).toMatchObject({
    ...{ seconds: 2, dram: { readBytes: 10, writtenBytes: 14 }, errors: {}, read: null, loopUtilization: 0.5 },
    all: { ios: 25, bytes: 25 * 131_072, iops: 12.5, latencyNs: { min: 1000 } },
  });
  expect(dram?.dram).toEqual({ unknown: "hidden by the test" });
  const views = slices.map((one) => sliceView(job, one));
  expect(ratioView(peer, dram, views)).toEqual({ overall: 0.625, min: 0.5, max: 0.75 });
  expect(ratioView(peer, null, views)).toBeNull();
  expect(sideView(job, [], "peer")).toBeNull();
});

test("written data is known again, and differs by run, slot and sector", () => {
  const pattern = benchPattern("cafe0123", 3, 8192);
  const text = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes);
  expect(text(pattern.subarray(1024, 1088)).trimEnd()).toBe("peerlane bench cafe0123 slot 3 sector 2");
  expect(pattern).toEqual(benchPattern("cafe0123", 3, 8192));
  expect(pattern.subarray(64, 512)).not.toEqual(benchPattern("cafe0124", 3, 8192).subarray(64, 512));
  expect(new Set(pattern).size).toBe(256);
});

test("a job file for fio has a section per side, and peer memory as fio takes it", () => {
  const job = resolveJob({ rw: "randrw", rwmixread: 60, bs: 4096, ramp: 0.5, runtime: 2.5, size: 2 ** 20 }, DISK);
  const provider = parseBdf("0000:03:00.0") ?? null;
  expect(fioJobFile({ job, path: "/dev/disk/by-path/pci-0000:04:00.0", provider, hasDram: true })).toBe(`[global]
filename=/dev/disk/by-path/pci-0000\\:04\\:00.0
ioengine=libaio
direct=1
rw=randrw
rwmixread=60
bs=4096
iodepth=8
offset=0
size=1048576
time_based=1
runtime=2500ms
ramp_time=500ms
norandommap=1
randseed=1
percentile_list=50:90:99:99.9

[peer]
stonewall
mem=mmapshared:/sys/bus/pci/devices/0000:03:00.0/p2pmem/allocate

[dram]
stonewall
mem=mmap
`);
  expect(fioJobFile({ job: resolveJob({}, DISK), path: "/dev/nvme1n1", provider: null, hasDram: true })).not.toMatch(
    /rwmixread|randseed|\[peer\]/,
  );
});
