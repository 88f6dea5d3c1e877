import { describe, expect, test } from "vitest";
import { summarize } from "../../../src/live/probe/direction.ts";
import { runAll } from "../../../src/live/probe/measure-pair.ts";
import { readThroughPeer } from "../../../src/live/probe/read-test.ts";
import { memoryFor, planTrials } from "../../../src/live/probe/trials.ts";
import { writeThroughPeer } from "../../../src/live/probe/write-test.ts";
import type { DataState } from "../../../src/measured/probe.ts";
import { benchWith, type DiskFault, FakeDisk, FakeMemory, type MemoryFault, variedBytes } from "./fakes.ts";

const DISK_BYTES = 1 << 20;
const SIZES = [4096, 65_536];
const MEMORY_BYTES = memoryFor(65_536);
const noProgress = { progress: () => {} };

const ones = (bytes: Buffer): Buffer => Buffer.alloc(bytes.length, 0xff);
const zeros = (bytes: Buffer): Buffer => Buffer.alloc(bytes.length);
const swapped = (bytes: Buffer): Buffer =>
  Buffer.concat([bytes.subarray(512, 1024), bytes.subarray(0, 512), bytes.subarray(1024)]);
const flipped = (bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes);
  copy[600] = (copy[600] ?? 0) ^ 0x10;
  return copy;
};
const torn = (old: Buffer, wanted: Buffer): Buffer => Buffer.concat([wanted.subarray(0, 1000), old.subarray(1000)]);

function plan() {
  const range = { start: 0, sizeBytes: DISK_BYTES };
  return planTrials({ range, blockBytes: 512, memoryBytes: MEMORY_BYTES, sizes: SIZES });
}

async function read(fault: MemoryFault, diskFault?: DiskFault, data = variedBytes(DISK_BYTES)) {
  const peer = new FakeMemory(MEMORY_BYTES, fault);
  const disk = new FakeDisk(Buffer.from(data), peer, diskFault);
  const results = await runAll(plan(), benchWith(disk, peer), readThroughPeer, noProgress);
  expect(disk.data.equals(data)).toBe(true);
  return summarize("into", results);
}

async function write(fault: MemoryFault, diskFault?: DiskFault) {
  const peer = new FakeMemory(MEMORY_BYTES, fault);
  const disk = new FakeDisk(variedBytes(DISK_BYTES), peer, diskFault);
  return summarize("out", await runAll(plan(), benchWith(disk, peer), writeThroughPeer, noProgress));
}

describe("reads into peer memory", () => {
  test("are right where the memory is, and never write to the disk", async () => {
    const result = await read({});
    expect(result.data).toMatchObject({ kind: "right", alikeCount: 0, rightCount: plan().length });
    expect(result.kernel).toMatchObject({ kind: "accepted", count: plan().length });
  });

  test.each<[DataState["kind"], MemoryFault]>([
    ["untouched", { arrive: (old) => old }],
    ["all-ones", { arrive: (_, wanted) => ones(wanted) }],
    ["all-zeros", { arrive: (_, wanted) => zeros(wanted) }],
    ["reordered", { arrive: (_, wanted) => swapped(wanted) }],
    ["corrupted", { arrive: (_, wanted) => flipped(wanted) }],
    ["torn", { arrive: torn }],
    ["spilled", { spillBytes: 4 }],
    ["memory-fails", { look: ones }],
  ])("are called lost and %s where the memory is so", async (kind, fault) => {
    const { data, trials } = await read(fault);
    expect(data.kind).toBe("lost");
    expect(data.rightCount).toBe(0);
    expect(new Set(trials.map(({ state }) => state.kind))).toEqual(new Set([kind]));
  });

  test("of an empty disk are right, and say that order does not show", async () => {
    const { data } = await read({}, undefined, Buffer.alloc(DISK_BYTES));
    expect(data.kind).toBe("right");
    expect(data.alikeCount).toBe(plan().length);
  });

  test("of an empty disk that never arrive are called untouched", async () => {
    const { data } = await read({ arrive: (old) => old }, undefined, Buffer.alloc(DISK_BYTES));
    expect(data.text).toContain("untouched");
  });

  test.each(["EINVAL", "EREMOTEIO"])("that end with %s are refused by the kernel", async (errno) => {
    const { kernel, data } = await read({}, ({ isPeer }) => (isPeer ? { bytes: 0, errno } : null));
    expect(kernel).toEqual({ kind: "refused", errno });
    expect(data.kind).toBe("none");
  });

  test("that end with another error fail by its name", async () => {
    const { kernel, kernelText } = await read({}, ({ isPeer }) => (isPeer ? { bytes: 0, errno: "EIO" } : null));
    expect(kernel).toMatchObject({ kind: "failed", errno: "EIO" });
    expect(kernelText).toBe("fails: EIO");
  });

  test("that are short are called so, with the data that moved", async () => {
    const { kernel, data } = await read({}, ({ isPeer }) => (isPeer ? { bytes: 512, errno: null } : null));
    expect(kernel).toMatchObject({ kind: "short", bytes: 512, of: 4096 });
    expect(data.kind).toBe("right");
  });

  test("are not judged where the same through DRAM fails", async () => {
    const { kernel, data } = await read({}, ({ isPeer }) => (isPeer ? null : { bytes: 0, errno: "EIO" }));
    expect(kernel).toMatchObject({ kind: "not-tested", why: "the same through DRAM fails: EIO" });
    expect(data.kind).toBe("unknown");
  });

  test("of a disk that somebody writes to are called changing, not lost", async () => {
    const peer = new FakeMemory(MEMORY_BYTES);
    const disk = new FakeDisk(variedBytes(DISK_BYTES), peer);
    let count = 0;
    disk.onIo = () => disk.data.fill(count++ & 0xff);
    const { data } = summarize("into", await runAll(plan(), benchWith(disk, peer), readThroughPeer, noProgress));
    expect(data).toMatchObject({ kind: "unknown", judgedCount: 0 });
    expect(data.text).toContain("changing");
  });

  test("of a disk that changed once are tried again", async () => {
    const peer = new FakeMemory(MEMORY_BYTES);
    const disk = new FakeDisk(variedBytes(DISK_BYTES), peer);
    let count = 0;
    disk.onIo = () => {
      if (++count === 3) disk.data.fill(3, 0, 4096);
    };
    const { data } = summarize("into", await runAll(plan(), benchWith(disk, peer), readThroughPeer, noProgress));
    expect(data.kind).toBe("right");
  });
});

describe("writes out of peer memory", () => {
  test("are right where the memory is", async () => {
    expect((await write({})).data).toMatchObject({ kind: "right", rightCount: plan().length });
  });

  test.each<[DataState["kind"], MemoryFault]>([
    ["all-ones", { leave: ones }],
    ["all-zeros", { leave: zeros }],
    ["reordered", { leave: swapped }],
    ["corrupted", { leave: flipped }],
  ])("are called lost and %s where the device reads so", async (kind, fault) => {
    const { data, trials } = await write(fault);
    expect(data.kind).toBe("lost");
    expect(new Set(trials.map(({ state }) => state.kind))).toEqual(new Set([kind]));
  });

  test("that the disk forgets are called untouched", async () => {
    const peer = new FakeMemory(MEMORY_BYTES);
    const disk = new FakeDisk(variedBytes(DISK_BYTES), peer);
    const forgets = { ...benchWith(disk, peer) };
    const file = {
      read: disk.read.bind(disk),
      sync: disk.sync.bind(disk),
      write: (...io: Parameters<FakeDisk["write"]>) =>
        io[0] === peer ? Promise.resolve({ bytes: io[2], errno: null }) : disk.write(...io),
    };
    const results = await runAll(plan(), { ...forgets, file }, writeThroughPeer, noProgress);
    expect(new Set(results.map(({ state }) => state.kind))).toEqual(new Set(["untouched"]));
  });

  test("are not judged where the control fails", async () => {
    const { data } = await write({}, ({ what, isPeer }) =>
      what === "write" && !isPeer ? { bytes: 0, errno: "EIO" } : null,
    );
    expect(data.text).toBe("the same through DRAM fails: EIO");
  });
});

test("an interruption ends a test between two I/Os, and none is in flight then", async () => {
  for (let at = 1; at < 24; at++) {
    const interrupt = new AbortController();
    const peer = new FakeMemory(MEMORY_BYTES);
    const disk = new FakeDisk(variedBytes(DISK_BYTES), peer);
    let count = 0;
    disk.onIo = () => {
      if (++count === at) interrupt.abort();
    };
    const run = runAll(plan(), benchWith(disk, peer, interrupt.signal), readThroughPeer, noProgress);
    await expect(run).rejects.toThrow("aborted");
    expect(disk.inFlight).toBe(0);
  }
});
