import { describe, expect, test } from "vitest";
import { Checkpoints } from "../../../src/live/copy/checkpoints.ts";
import type { Side, Writable } from "../../../src/live/copy/sides.ts";

const EVERY = 100;

/**
 * Checkpoints of a copy whose events are written down in their order. Each flush ends when the test says so, with the
 * errors given, one a flush.
 */
function setUp({ flushErrors = [], saveError = null }: { flushErrors?: (string | null)[]; saveError?: Error | null }) {
  const events: string[] = [];
  const copy = { written: 0, now: 0 };
  const waiting: (() => void)[] = [];
  const io = {
    sync: async () => {
      events.push("flush");
      await new Promise<void>((resolve) => waiting.push(resolve));
      return { errno: flushErrors.shift() ?? null };
    },
  };
  const checkpoints = new Checkpoints({
    target: { role: "target", io, start: 0 } as unknown as Side<Writable>,
    everyBytes: EVERY,
    watermark: () => copy.written,
    nowMs: () => copy.now,
    save: async (bytes) => {
      events.push(`save ${bytes}`);
      if (saveError !== null) throw saveError;
    },
    onFailure: ({ errno, operation }) => events.push(`${operation} failed: ${errno}`),
    onError: (error) => events.push(`journal failed: ${String(error)}`),
  });
  const flushed = async (): Promise<void> => {
    for (const resolve of waiting.splice(0)) resolve();
    await checkpoints.settle();
  };
  return { events, copy, checkpoints, flushed };
}

describe("a checkpoint", () => {
  test.for([
    ["nothing written, however long ago", 0, 60_000, []],
    ["less than the bytes, and less than a second", EVERY - 1, 999, []],
    ["as many bytes", EVERY, 0, ["flush"]],
    ["one byte, and a second", 1, 1000, ["flush"]],
  ] as const)("is due, or not, after %s", async ([, written, now, expected]) => {
    const { events, copy, checkpoints, flushed } = setUp({});
    Object.assign(copy, { written, now });
    checkpoints.poll();
    expect(events).toEqual(expected);
    await flushed();
  });

  test("claims what was written before the flush began, and not what came during it", async () => {
    const { events, copy, checkpoints, flushed } = setUp({});
    copy.written = 150;
    checkpoints.poll();
    copy.written = 190;
    await flushed();
    expect(events).toEqual(["flush", "save 150"]);
  });

  test("is made one at a time, and the next is due by what the last one claims", async () => {
    const { events, copy, checkpoints, flushed } = setUp({});
    copy.written = 150;
    checkpoints.poll();
    copy.written = 250;
    checkpoints.poll();
    expect(events).toEqual(["flush"]);
    await flushed();
    copy.written = 249;
    checkpoints.poll();
    expect(events).toEqual(["flush", "save 150"]);
    copy.written = 250;
    checkpoints.poll();
    await flushed();
    expect(events).toEqual(["flush", "save 150", "flush", "save 250"]);
  });

  test("at the end comes after the one under way", async () => {
    const { events, copy, checkpoints, flushed } = setUp({});
    copy.written = 150;
    checkpoints.poll();
    copy.written = 170;
    const last = checkpoints.last();
    expect(events).toEqual(["flush"]);
    await flushed();
    await flushed();
    await last;
    expect(events).toEqual(["flush", "save 150", "flush", "save 170"]);
  });
});

describe("after a failure nothing is saved any more", () => {
  test("of a flush: the next one would succeed, whatever was lost", async () => {
    const { events, copy, checkpoints, flushed } = setUp({ flushErrors: ["EIO", null, null] });
    copy.written = 150;
    checkpoints.poll();
    await flushed();
    copy.written = 400;
    checkpoints.poll();
    await flushed();
    await checkpoints.last();
    expect(events).toEqual(["flush", "sync failed: EIO"]);
  });

  test("of the journal", async () => {
    const { events, copy, checkpoints, flushed } = setUp({ saveError: new Error("full") });
    copy.written = 150;
    checkpoints.poll();
    await flushed();
    await checkpoints.last();
    expect(events).toEqual(["flush", "save 150", "journal failed: Error: full"]);
  });
});
