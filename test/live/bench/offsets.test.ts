import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BenchJob, resolveJob } from "../../../src/live/bench/job.ts";
import { IoSequence } from "../../../src/live/bench/offsets.ts";
import { SeededRandom } from "../../../src/live/bench/random.ts";
import { READ_WRITE } from "../../../src/measured/bench.ts";

/** Any job on any target that it fits. */
const anyJob = fc
  .record({
    rw: fc.constantFrom(...READ_WRITE),
    block: fc.constantFrom(512, 4096, 65_536, 131_072, 1_048_576),
    offsetBlocks: fc.integer({ min: 0, max: 1000 }),
    blocks: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 2 ** 33 })),
    slack: fc.integer({ min: 0, max: 511 }),
    seed: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    rwmixread: fc.integer({ min: 0, max: 100 }),
  })
  .filter(({ block, blocks, offsetBlocks }) => (offsetBlocks + blocks + 1) * block <= Number.MAX_SAFE_INTEGER)
  .map(({ rw, block, offsetBlocks, blocks, slack, seed, rwmixread }) =>
    resolveJob(
      { rw, bs: block, offset: offsetBlocks * block, seed, rwmixread },
      { name: "target", sizeBytes: (offsetBlocks + blocks) * block + slack, logicalBlockBytes: 512 },
    ),
  );

function take(job: BenchJob, count: number): { readonly position: number; readonly isWrite: boolean }[] {
  const sequence = new IoSequence(job);
  return Array.from({ length: count }, () => {
    sequence.next();
    return { position: sequence.position, isWrite: sequence.isWrite };
  });
}

describe("offsets", () => {
  test("stay in the range, on its blocks", () => {
    fc.assert(
      fc.property(anyJob, (job) => {
        for (const { position } of take(job, 200)) {
          expect((position - job.offsetBytes) % job.blockBytes).toBe(0);
          expect(position).toBeGreaterThanOrEqual(job.offsetBytes);
          expect(position + job.blockBytes).toBeLessThanOrEqual(job.offsetBytes + job.sizeBytes);
        }
      }),
    );
  });

  test("are those of the seed", () => {
    fc.assert(
      fc.property(anyJob, (job) => {
        expect(take(job, 100)).toEqual(take(job, 100));
      }),
    );
    const job = resolveJob({ rw: "randread" }, { name: "t", sizeBytes: 2 ** 40, logicalBlockBytes: 512 });
    expect(take(job, 100)).not.toEqual(take({ ...job, seed: 2 }, 100));
  });

  test("of a sequential job follow each other and begin again, reads and writes each for themselves", () => {
    const target = { name: "t", sizeBytes: 3 * 4096, logicalBlockBytes: 512 };
    expect(take(resolveJob({ bs: 4096 }, target), 5).map(({ position }) => position / 4096)).toEqual([0, 1, 2, 0, 1]);
    const mixed = take(resolveJob({ bs: 4096, rw: "rw", rwmixread: 50 }, target), 300);
    for (const kind of [true, false]) {
      const positions = mixed.filter(({ isWrite }) => isWrite === kind).map(({ position }) => position / 4096);
      expect(positions).toEqual(positions.map((_, index) => index % 3));
    }
  });

  test("of a random job reach every block alike", () => {
    const job = resolveJob({ rw: "randread", bs: 4096 }, { name: "t", sizeBytes: 64 * 4096, logicalBlockBytes: 512 });
    const hits = new Array<number>(64).fill(0);
    for (const { position } of take(job, 64_000)) hits[position / 4096] = (hits[position / 4096] ?? 0) + 1;
    // A thousand on average: five standard deviations are some 160.
    for (const count of hits) expect(Math.abs(count - 1000)).toBeLessThan(160);
  });

  test("read as often as the mix says", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 1e9 }), (rwmixread, seed) => {
        const target = { name: "t", sizeBytes: 2 ** 30, logicalBlockBytes: 512 };
        const steps = take(resolveJob({ rw: "randrw", rwmixread, seed }, target), 10_000);
        const percent = steps.filter(({ isWrite }) => !isWrite).length / 100;
        expect(Math.abs(percent - rwmixread)).toBeLessThan(3);
      }),
      { numRuns: 30 },
    );
  });
});

test("random numbers below a limit beyond 32 bits reach its upper part", () => {
  const random = new SeededRandom(7);
  const limit = 2 ** 45 + 12_345;
  const numbers = Array.from({ length: 1000 }, () => random.below(limit));
  expect(numbers.every((number) => Number.isInteger(number) && number >= 0 && number < limit)).toBe(true);
  expect(Math.max(...numbers)).toBeGreaterThan(limit * 0.98);
  expect(new Set(numbers).size).toBe(1000);
});
