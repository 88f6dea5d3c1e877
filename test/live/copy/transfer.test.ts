import { expect, it } from "vitest";
import { type CopyRanges, resolveRanges } from "../../../src/live/copy/ranges.ts";
import { type TransferEnd, transfer } from "../../../src/live/copy/transfer.ts";
import { FakeDisk, type FakeJob, noise, transferJob } from "./fakes.ts";

const KIB = 1024;
const CHUNK = 8 * KIB;

function rangesOf(source: FakeDisk, target: FakeDisk, lengthBytes: number, targetStart = 0): CopyRanges {
  return resolveRanges(
    { name: "source", sizeBytes: source.data.length, blockBytes: source.blockBytes, canGrow: false },
    { name: "target", sizeBytes: target.data.length, blockBytes: target.blockBytes, canGrow: false },
    { sourceOffsetBytes: 0, targetOffsetBytes: targetStart, lengthBytes, chunkBytes: CHUNK },
  );
}

interface Run {
  readonly end: TransferEnd;
  readonly saved: readonly number[];
  readonly memoryBytes: number;
  readonly cpuBytes: number;
}

async function run(fake: Omit<FakeJob, "depth" | "chunkBytes"> & Partial<FakeJob>): Promise<Run> {
  const saved: number[] = [];
  const count = { memoryBytes: 0, cpuBytes: 0 };
  const job = transferJob({ depth: 4, chunkBytes: CHUNK, save: (bytes) => saved.push(bytes), ...fake });
  const end = await transfer(job, count);
  expect(fake.source.inFlight + fake.target.inFlight).toBe(0);
  return { end, saved, ...count };
}

function disks(sizeBytes = 128 * KIB): { source: FakeDisk; target: FakeDisk } {
  return { source: new FakeDisk(noise(sizeBytes, 1), 512), target: new FakeDisk(noise(sizeBytes, 2), 512) };
}

it("A transfer copies the range, and what lies behind it stays", async () => {
  const { source, target } = disks();
  const before = Buffer.from(target.data);
  const { end, saved, memoryBytes, cpuBytes } = await run({
    source,
    target,
    ranges: rangesOf(source, target, 100_001),
  });
  expect(end).toEqual({ kind: "done", samples: 1, earlier: [] });
  expect(target.data.subarray(0, 100_001)).toEqual(source.data.subarray(0, 100_001));
  expect(target.data.subarray(100_001)).toEqual(before.subarray(100_001));
  expect(saved.at(-1)).toBe(100_001);
  expect([memoryBytes, cpuBytes]).toEqual([99_840, 161]);
});

it("A provider that loses the source's data is found out at the first chunk, and no more is written", async () => {
  const { source, target } = disks();
  source.faults = { losesReads: true };
  const before = Buffer.from(target.data);
  const { end } = await run({ source, target, ranges: rangesOf(source, target, 128 * KIB) });
  expect(end).toMatchObject({
    kind: "differs",
    foundBy: "first-chunk",
    difference: { offset: 0, looks: "never-read" },
  });
  expect(target.data.subarray(CHUNK)).toEqual(before.subarray(CHUNK));
});

it.each([
  [null, "never-written"],
  [0, "zeros"],
  [0xff, "ones"],
  [0x77, "other"],
] as const)("Writes that leave %s on the target are called %s", async (losesWrites, looks) => {
  const { source, target } = disks();
  target.faults = { losesWrites };
  const { end } = await run({ source, target, ranges: rangesOf(source, target, 128 * KIB) });
  expect(end).toMatchObject({ kind: "differs", foundBy: "first-chunk", difference: { looks } });
});

it.each([
  ["reads", { losesReads: true }, {}, "never-read"],
  ["writes", {}, { losesWrites: null }, "never-written"],
] as const)(
  "Lost %s are found out where the target holds the source's data already",
  async (_, lossy, lossyTarget, looks) => {
    const { source } = disks();
    source.faults = lossy;
    const target = new FakeDisk(source.data, 512, lossyTarget);
    const { end } = await run({ source, target, ranges: rangesOf(source, target, 128 * KIB) });
    expect(end).toMatchObject({ kind: "differs", foundBy: "first-chunk", difference: { looks } });
  },
);

it("Lost zeros are found out on a target of zeros", async () => {
  const source = new FakeDisk(Buffer.alloc(64 * KIB), 512, { losesReads: true });
  const target = new FakeDisk(Buffer.alloc(64 * KIB), 512);
  const { end } = await run({ source, target, ranges: rangesOf(source, target, 64 * KIB) });
  expect(end).toMatchObject({ kind: "differs", foundBy: "first-chunk" });
});

it("A disk that loses only its last chunk is found out by the samples", async () => {
  const { source, target } = disks();
  source.faults = {};
  const honest = target.write.bind(target);
  target.write = async (memory, offset, length, position) =>
    position < 120 * KIB ? await honest(memory, offset, length, position) : { bytes: length, errno: null };
  const { end } = await run({ source, target, ranges: rangesOf(source, target, 128 * KIB) });
  expect(end).toMatchObject({ kind: "differs", foundBy: "sample", difference: { offset: 120 * KIB } });
});

it.each([
  [1, "done"],
  [2, "done"],
  [1000, "source-changed"],
] as const)("A source that changes during %i tries of the first chunk: %s", async (changes, kind) => {
  const { source, target } = disks();
  let left = changes;
  const honest = source.read.bind(source);
  source.read = async (memory, ...rest) => {
    const result = await honest(memory, ...rest);
    if (memory.kind === "peer" && left-- > 0) source.data[100] = (source.data[100] ?? 0) + 1;
    return result;
  };
  const { end } = await run({ source, target, ranges: rangesOf(source, target, 64 * KIB) });
  expect(end.kind).toBe(kind);
  if (kind === "done") expect(target.data.subarray(0, 64 * KIB)).toEqual(source.data.subarray(0, 64 * KIB));
  else expect(target.writes.every(({ position, bytes }) => position + bytes <= CHUNK)).toBe(true);
});

it.each(["read", "write"] as const)(
  "A kernel that refuses the memory for a %s leaves the target as it was",
  async (refused) => {
    const { source } = disks();
    const target = new FakeDisk(source.data, 512);
    const faulty = refused === "read" ? source : target;
    faulty.faults = {
      error: (operation, _, memory) => (operation === refused && memory?.kind === "peer" ? "EREMOTEIO" : null),
    };
    const before = Buffer.from(target.data);
    const { end } = await run({ source, target, ranges: rangesOf(source, target, 64 * KIB) });
    expect(end).toMatchObject({ kind: "refused", failure: { operation: refused, errno: "EREMOTEIO" } });
    expect(target.data).toEqual(before);
  },
);

it("An error of the device stops the copy with its place, and the journal has what was written before", async () => {
  const { source, target } = disks(4096 * KIB);
  source.faults = { error: (_, position) => (position === 1024 * KIB ? "EIO" : null) };
  const { end, saved } = await run({ source, target, ranges: rangesOf(source, target, 4096 * KIB) });
  expect(end).toEqual({
    kind: "failed",
    failure: { operation: "read", role: "source", position: 1024 * KIB, lengthBytes: CHUNK, errno: "EIO" },
  });
  expect(saved.at(-1)).toBe(1024 * KIB);
  expect(target.durable.subarray(0, 1024 * KIB).equals(source.data.subarray(0, 1024 * KIB))).toBe(true);
});

it("After a flush that failed nothing more is put into the journal", async () => {
  const { source, target } = disks();
  let flushes = 0;
  target.faults = { error: (operation) => (operation === "sync" && ++flushes === 1 ? "EIO" : null) };
  const stop = new AbortController();
  const onBytes = (done: number): void => {
    if (done > 40 * KIB) stop.abort();
  };
  const ranges = rangesOf(source, target, 128 * KIB);
  const { end, saved } = await run({ source, target, ranges, onBytes, signal: stop.signal });
  expect(end).toMatchObject({ kind: "failed", failure: { operation: "sync" } });
  expect(saved).toEqual([]);
});

it("A source that ends early is an error with its place", async () => {
  const { source, target } = disks();
  const ranges = rangesOf(source, target, 128 * KIB);
  source.data = source.data.subarray(0, 50_000);
  const { end } = await run({ source, target, ranges });
  expect(end).toMatchObject({ kind: "failed", failure: { role: "source", errno: null } });
});

it("A stopped copy awaits what is in flight, and says in the journal how far it came", async () => {
  const { source, target } = disks(1024 * KIB);
  source.faults = { turns: () => 3 };
  const stop = new AbortController();
  const onBytes = (done: number): void => {
    if (done > 256 * KIB) stop.abort();
  };
  const ranges = rangesOf(source, target, 1024 * KIB);
  const { end, saved } = await run({ source, target, ranges, onBytes, signal: stop.signal });
  expect(end).toEqual({ kind: "stopped" });
  const done = saved.at(-1) ?? 0;
  expect(done).toBeGreaterThan(200 * KIB);
  expect(target.durable.subarray(0, done).equals(source.data.subarray(0, done))).toBe(true);
});

it("A journal that cannot be written ends the copy with its error", async () => {
  const { source, target } = disks();
  const save = (): void => {
    throw new Error("the journal's disk is full");
  };
  await expect(run({ source, target, ranges: rangesOf(source, target, 128 * KIB), save })).rejects.toThrow("full");
});
