import { describe, expect, test } from "vitest";
import { type JobRequest, reads, resolveJob, writes } from "../../../src/live/bench/job.ts";

const DISK = { name: "nvme1n1", sizeBytes: 2 ** 30, logicalBlockBytes: 4096 };

describe("a job", () => {
  test("reads the whole target in blocks of 128 KiB at depth 8 for 10 seconds where nothing is said", () => {
    expect(resolveJob({}, DISK)).toEqual({
      ...{ rw: "read", rwmixreadPercent: 70, blockBytes: 131072, iodepth: 8, runtimeSeconds: 10, rampSeconds: 1 },
      ...{ offsetBytes: 0, sizeBytes: 2 ** 30, seed: 1 },
    });
  });

  test("has a range of whole blocks that ends inside its target", () => {
    const job = resolveJob({ bs: 3 * 4096, offset: 4096, size: 100_000 }, DISK);
    expect(job.sizeBytes).toBe(8 * 3 * 4096);
    expect(resolveJob({ offset: 2 ** 30 - 131072 }, DISK).sizeBytes).toBe(131072);
  });

  test.for<[string, JobRequest, RegExp]>([
    ["a block that is no multiple of the target's", { bs: 512 }, /--bs 512 is no multiple/],
    ["an offset that is none", { offset: 100 }, /--offset 100 is no multiple/],
    ["no block at all", { bs: 0 }, /--bs 0/],
    ["a range that is longer than the target", { size: 2 ** 31 }, /more than nvme1n1 has/],
    ["an offset behind the end", { offset: 2 ** 30 }, /holds no block/],
    ["a range of less than a block", { size: 4096 }, /holds no block/],
    ["a depth beyond libuv's threads", { iodepth: 65 }, /--iodepth 65: 1 to 64/],
    ["no depth", { iodepth: 0 }, /--iodepth 0/],
    ["no time", { runtime: 0 }, /--runtime 0/],
    ["a mix of more than all", { rwmixread: 101 }, /--rwmixread 101: 0 to 100 percent/],
  ])("is refused with %s", ([, request, message]) => {
    expect(() => resolveJob(request, DISK)).toThrow(message);
  });

  test("of a mix writes unless all of it is reads", () => {
    const mix = (rwmixread: number) => resolveJob({ rw: "randrw", rwmixread }, DISK);
    expect([writes(mix(100)), reads(mix(100)), writes(mix(0)), reads(mix(0))]).toEqual([false, true, true, false]);
  });
});
