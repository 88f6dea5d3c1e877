import fc from "fast-check";
import { expect, test } from "vitest";
import { writableRange } from "../../../src/live/probe/measure-pair.ts";
import { wantedBytes } from "../../../src/live/probe/pool-memory.ts";
import { DEFAULT_SIZES, memoryFor, planTrials } from "../../../src/live/probe/trials.ts";

const sizes = fc.uniqueArray(
  fc.integer({ min: 1, max: 4096 }).map((blocks) => blocks * 512),
  { minLength: 1, maxLength: 4 },
);
const blockBytes = fc.constantFrom(512, 4096);

test("trials lie within range and memory, in whole blocks, at offsets of whole pages", () => {
  fc.assert(
    fc.property(
      sizes,
      blockBytes,
      fc.integer({ min: 0, max: 1 << 16 }),
      fc.integer({ min: 0, max: 1 << 16 }),
      fc.integer({ min: 0, max: 1 << 10 }),
      (wanted, block, start, blocks, pages) => {
        const range = { start: start * block, sizeBytes: blocks * block };
        const memoryBytes = pages * 4096;
        for (const trial of planTrials({ range, blockBytes: block, memoryBytes, sizes: wanted })) {
          expect(trial.position).toBeGreaterThanOrEqual(range.start);
          expect(trial.position + trial.sizeBytes).toBeLessThanOrEqual(range.start + range.sizeBytes);
          expect(trial.position % block).toBe(0);
          expect(trial.sizeBytes % block).toBe(0);
          expect(trial.bufferOffset % 4096).toBe(0);
          expect(trial.bufferOffset + trial.sizeBytes).toBeLessThanOrEqual(memoryBytes);
        }
      },
    ),
  );
});

test("a plain disk is tried at its start, middle and end and unaligned, from offsets 0 and odd pages", () => {
  const range = { start: 0, sizeBytes: 256 << 20 };
  const trials = planTrials({ range, blockBytes: 512, memoryBytes: memoryFor(1 << 20), sizes: DEFAULT_SIZES });
  expect(trials).toHaveLength(12);
  expect(new Set(trials.map(({ bufferOffset }) => bufferOffset))).toEqual(new Set([0, 4096, 12_288]));
  const large = trials.filter(({ sizeBytes }) => sizeBytes === 1 << 20).map(({ position }) => position);
  expect(large).toEqual([0, 128 << 20, (85 << 20) + 512, 255 << 20]);
});

test("memory that is taken is half of what is free, or what the user's sizes need, and never nothing to try", () => {
  const wish = { sizes: DEFAULT_SIZES, isModest: true };
  expect(wantedBytes({ availableBytes: 64 << 20 }, wish)).toEqual([1 << 20, 1 << 16, 1 << 12].map(memoryFor));
  expect(wantedBytes({ availableBytes: 1 << 20 }, wish)).toEqual([1 << 16, 1 << 12].map(memoryFor));
  expect(wantedBytes({ availableBytes: 0 }, wish)).toEqual([memoryFor(1 << 12)]);
  const whole = { ...wish, isModest: false };
  expect(wantedBytes({ availableBytes: memoryFor(1 << 20) }, whole)[0]).toBe(memoryFor(1 << 20));
});

test("the range to overwrite is the device's end, or where the user says, in whole blocks", () => {
  const disk = { sizeBytes: 100 << 20, logicalBlockBytes: 512 };
  expect(writableRange(disk, { sizes: DEFAULT_SIZES })).toEqual({ start: 98 << 20, sizeBytes: 2 << 20 });
  expect(writableRange(disk, { sizes: [4096], writeAt: 1 << 20 })).toEqual({ start: 1 << 20, sizeBytes: 8192 });
  expect(writableRange(disk, { sizes: [4096], writeAt: 100 << 20 })).toBeNull();
  expect(writableRange({ ...disk, logicalBlockBytes: 4096 }, { sizes: [4096], writeAt: 512 })).toBeNull();
});
