import fc from "fast-check";
import { expect, it } from "vitest";
import { ChunkBook, NO_CHUNK, sampleChunks, smallerShapes } from "../../src/live/copy/chunks.ts";
import { firstDifference } from "../../src/live/copy/difference.ts";
import { formatJournal, type Journal, parseJournal, progressPlaces } from "../../src/live/copy/journal.ts";
import { resolveRanges } from "../../src/live/copy/ranges.ts";
import { lastJournalledPart } from "../../src/live/copy/resume.ts";
import { tailOf } from "../../src/live/copy/tail.ts";
import { transfer } from "../../src/live/copy/transfer.ts";
import { type ByteRange, overlaps } from "../../src/pci/addresses.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { expectSame } from "../expect-same.ts";
import { FakeDisk, noise, transferJob } from "../live/copy/fakes.ts";

const block = fc.constantFrom(512, 4096);

const copy = fc.record({
  sourceBlock: block,
  targetBlock: block,
  lengthBytes: fc.oneof(
    fc.integer({ min: 1, max: 60_000 }),
    fc.integer({ min: 1, max: 12 }).map((count) => count * 4096),
  ),
  sourceBlocks: fc.nat(3),
  targetBlocks: fc.nat(3),
  chunkPages: fc.integer({ min: 1, max: 4 }),
  depth: fc.integer({ min: 1, max: 6 }),
  isFile: fc.boolean(),
  behind: fc.nat(9000),
  syncEveryBytes: fc.constantFrom(1, 10_000, 2 ** 28),
  seed: fc.integer(),
  /** Operations until one fails; long ones never come. */
  failAfter: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.nat(40)),
  failing: fc.constantFrom("source", "target", "stop"),
});

it("Whatever the sizes, short calls, order and failures: the range is right, the rest untouched, the journal honest", async () => {
  await fc.assert(
    fc.asyncProperty(copy, async (one) => {
      const { sourceBlock, targetBlock, lengthBytes, depth, seed, syncEveryBytes } = one;
      const chunkBytes = one.chunkPages * 4096;
      const [sourceStart, targetStart] = [one.sourceBlocks * sourceBlock, one.targetBlocks * targetBlock];
      let state = seed >>> 0;
      const random = (below: number): number => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return (state >>> 8) % below;
      };
      const stop = new AbortController();
      let operations = 0;
      const faultsOf = (who: string, blockBytes: number) => ({
        turns: () => random(3),
        mostBytes: () => (random(3) === 0 ? blockBytes * (1 + random(3)) : 1 << 30),
        error: () => {
          if (++operations <= one.failAfter) return null;
          if (one.failing === "stop") stop.abort();
          return one.failing === who ? "EIO" : null;
        },
      });
      const wholeBlocks = (bytes: number, unit: number): number => Math.ceil(bytes / unit) * unit;
      const sourceSize = wholeBlocks(sourceStart + lengthBytes, sourceBlock);
      const targetSize = one.isFile
        ? targetStart + one.behind
        : wholeBlocks(targetStart + lengthBytes + one.behind, targetBlock);
      const before = noise(targetSize, seed + 1);
      const source = new FakeDisk(noise(sourceSize, seed), sourceBlock, faultsOf("source", sourceBlock));
      const target = new FakeDisk(before, targetBlock, faultsOf("target", targetBlock));
      const fileBytes = one.isFile ? Math.max(targetSize, targetStart + lengthBytes) : null;
      if (fileBytes !== null) await target.truncate(fileBytes);
      const whole = Buffer.concat([before, Buffer.alloc(Math.max(0, (fileBytes ?? 0) - targetSize))]);
      const ranges = resolveRanges(
        { name: "source", sizeBytes: sourceSize, blockBytes: sourceBlock, canGrow: false },
        { name: "target", sizeBytes: targetSize, blockBytes: targetBlock, canGrow: one.isFile },
        { sourceOffsetBytes: sourceStart, targetOffsetBytes: targetStart, lengthBytes, chunkBytes },
      );
      const wanted = source.data.subarray(sourceStart, sourceStart + lengthBytes);
      const isDurable = (bytes: number): boolean =>
        target.durable.subarray(targetStart, targetStart + bytes).equals(wanted.subarray(0, bytes));
      let completed = 0;
      const save = (bytes: number): void => {
        expectSame(isDurable(bytes), true);
        completed = bytes;
      };
      const count = { memoryBytes: 0, cpuBytes: 0 };
      const common = { source, target, ranges, depth, chunkBytes, isFile: one.isFile, save, syncEveryBytes };
      const end = await transfer(transferJob({ ...common, signal: stop.signal }), count);
      expectSame(source.inFlight + target.inFlight, 0);
      const isUntouchedOutside = (): void => {
        expectSame(target.data.subarray(0, targetStart).equals(whole.subarray(0, targetStart)), true);
        const from = targetStart + lengthBytes;
        expectSame(target.data.subarray(from, whole.length).equals(whole.subarray(from)), true);
      };
      isUntouchedOutside();
      if (end.kind !== "done") {
        operations = Number.NEGATIVE_INFINITY;
        const again = await transfer(transferJob({ ...common, startBytes: completed }), count);
        expectSame(again.kind, "done");
      }
      isUntouchedOutside();
      expectSame(target.data.length, whole.length);
      expectSame(target.data.subarray(targetStart, targetStart + lengthBytes).equals(wanted), true);
      expectSame(isDurable(lengthBytes), true);
      expectSame(completed, lengthBytes);
    }),
    { numRuns: 1500 },
  );
});

it("The watermark is the longest prefix of chunks that are done, in whatever order they end", () => {
  fc.assert(
    fc.property(
      fc.nat(100),
      fc.integer({ min: 1, max: 1000 }),
      fc.integer({ min: 1, max: 64 }),
      fc.infiniteStream(fc.nat()),
      (start, size, chunk, picks) => {
        const book = new ChunkBook(start, start + size, chunk);
        const open: number[] = [];
        const done = new Set<number>();
        for (let next = book.next(); next !== NO_CHUNK; next = book.next()) open.push(next);
        expectSame(
          open.reduce((sum, one) => sum + book.lengthOf(one), 0),
          size,
        );
        while (open.length > 0) {
          const [one = 0] = open.splice((picks.next().value ?? 0) % open.length, 1);
          book.complete(one);
          for (let byte = one; byte < one + book.lengthOf(one); byte++) done.add(byte);
          let prefix = start;
          while (done.has(prefix)) prefix++;
          expectSame(book.watermark, prefix);
          expectSame(book.doneBytes, done.size);
        }
      },
    ),
    { numRuns: 300 },
  );
});

it("Samples are chunks of the range, apart from each other, and the last chunk is one of them", () => {
  fc.assert(
    fc.property(
      fc.nat(1e6),
      fc.integer({ min: 1, max: 1e7 }),
      fc.integer({ min: 1, max: 9000 }),
      (start, size, chunk) => {
        const samples = sampleChunks(start, start + size, chunk);
        const last = samples.at(-1) ?? { start: 0, sizeBytes: 0 };
        expectSame(last.start + last.sizeBytes, start + size);
        expect(samples.length).toBeLessThanOrEqual(8);
        for (const [index, one] of samples.entries()) {
          expectSame((one.start - start) % chunk, 0);
          expectSame(one.sizeBytes, Math.min(chunk, start + size - one.start));
          expect(one.start).toBeGreaterThan(samples[index - 1]?.start ?? -1);
        }
      },
    ),
  );
});

it("Smaller shapes need ever less memory, keep to the unit, and never go below the least chunk", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 64 }),
      fc.integer({ min: 1, max: 16384 }),
      fc.constantFrom(4096, 65536),
      (depth, units, unit) => {
        const asked = { depth, chunkBytes: units * unit };
        const shapes = [...smallerShapes(asked, { leastChunk: 65536, unit })];
        expect(shapes[0]).toEqual(asked);
        for (const [index, one] of shapes.entries()) {
          expectSame(one.chunkBytes % unit, 0);
          expect(one.chunkBytes).toBeGreaterThanOrEqual(Math.min(65536, asked.chunkBytes));
          const before = shapes[index - 1];
          if (before !== undefined) expect(one.depth * one.chunkBytes).toBeLessThan(before.depth * before.chunkBytes);
        }
      },
    ),
  );
});

it("Two ranges overlap exactly where they share a byte", () => {
  const range: fc.Arbitrary<ByteRange> = fc.record({ start: fc.nat(30), sizeBytes: fc.nat(12) });
  const bytes = ({ start, sizeBytes }: ByteRange): number[] =>
    Array.from({ length: sizeBytes }, (_, index) => start + index);
  fc.assert(
    fc.property(range, range, (a, b) => {
      expectSame(
        overlaps(a, b),
        bytes(a).some((byte) => bytes(b).includes(byte)),
      );
    }),
  );
});

it("A tail is less than a block of the larger kind, and its spans are whole blocks that hold it", () => {
  fc.assert(
    fc.property(block, block, fc.integer({ min: 1, max: 100_000 }), (sourceBlock, targetBlock, lengthBytes) => {
      const ranges = resolveRanges(
        { name: "a", sizeBytes: lengthBytes, blockBytes: sourceBlock, canGrow: true },
        { name: "b", sizeBytes: 0, blockBytes: targetBlock, canGrow: true },
        { sourceOffsetBytes: 0, targetOffsetBytes: 0, lengthBytes: null, chunkBytes: 4096 },
      );
      const tail = tailOf(ranges, sourceBlock, targetBlock);
      expectSame(ranges.bulkBytes + (tail?.lengthBytes ?? 0), lengthBytes);
      expectSame(ranges.bulkBytes % Math.max(sourceBlock, targetBlock), 0);
      if (tail === null) return;
      expect(tail.lengthBytes).toBeLessThan(Math.max(sourceBlock, targetBlock));
      for (const [span, unit] of [
        [tail.sourceSpanBytes, sourceBlock],
        [tail.targetSpanBytes, targetBlock],
      ] as const) {
        expectSame(span % unit, 0);
        expect(span - tail.lengthBytes).toBeGreaterThanOrEqual(0);
        expect(span - tail.lengthBytes).toBeLessThan(unit);
      }
    }),
  );
});

it("The first difference of two buffers is the one that a loop finds", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat(299)), (bytes, places) => {
      const a = Buffer.from(bytes);
      const b = Buffer.from(bytes);
      for (const place of places) if (place < b.length) b[place] = (b[place] ?? 0) ^ 1;
      expectSame(
        firstDifference(a, b),
        a.findIndex((byte, index) => byte !== b[index]),
      );
    }),
  );
});

const count = fc.nat(2 ** 40);
const text = fc.string({ maxLength: 60 });
const side = fc.record({
  kind: fc.constantFrom("device" as const, "file" as const),
  path: text,
  identity: fc.option(text),
  attachment: fc.option(text),
  startBytes: count,
  fileSystem: fc.option(text),
  inode: fc.option(text),
  made: fc.option(text),
  modified: fc.option(text),
  sizeBytes: fc.option(count),
});
const journal = fc
  .record({
    schema: fc.constant("peerlane.copy-journal/2" as const),
    savedAt: text,
    source: side,
    target: side,
    range: fc.record({ sourceStart: count, targetStart: count, lengthBytes: fc.integer({ min: 1, max: 2 ** 40 }) }),
    chunkBytes: fc.integer({ min: 1, max: 16384 }).map((pages) => pages * 4096),
    part: fc.nat(1000),
  })
  .map(({ part, ...rest }) => ({ ...rest, completedBytes: Math.floor((rest.range.lengthBytes * part) / 1000) }));

it("A journal is read as it was written, and its last part ends at the watermark", () => {
  fc.assert(
    fc.property(journal, (one) => {
      expect(parseJournal(formatJournal(one, one, { savedAt: "", completedBytes: 0 }), "j")).toEqual(one);
      const part = lastJournalledPart(one);
      if (one.completedBytes === 0) expect(part).toBeNull();
      else expect(part).toMatchObject({ start: expect.any(Number) });
      if (part === null) return;
      expectSame(part.start + part.sizeBytes, one.completedBytes);
      expect(part.sizeBytes).toBeLessThanOrEqual(one.chunkBytes);
      expectSame(part.start % one.chunkBytes, 0);
    }),
  );
});

it("A journal whose progress was torn while it was written still has the progress before", () => {
  fc.assert(
    fc.property(journal, fc.nat(4095), fc.constantFrom("now", "earlier"), (one, bytes, torn) => {
      const earlier = { savedAt: "before", completedBytes: 0 };
      const content = formatJournal(one, one, earlier);
      const place = progressPlaces(content.length)[torn];
      content.fill(0, place, place + bytes);
      const { savedAt, completedBytes } = parseJournal(content, "j");
      const isSpoilt = torn === "now" && bytes > 0;
      expect({ savedAt, completedBytes }).toEqual(
        isSpoilt ? earlier : { savedAt: one.savedAt, completedBytes: one.completedBytes },
      );
    }),
  );
});

it("Whatever a damaged or edited journal holds, it is read as it was or refused with its place", () => {
  const refuses = (content: Buffer, is?: Journal): void => {
    let read: Journal;
    try {
      read = parseJournal(content, "state/j.json");
    } catch (error) {
      expect(error).toBeInstanceOf(PeerlaneError);
      expect(error).toMatchObject({ code: "bad-input", place: { file: "state/j.json" } });
      return;
    }
    expect(read).toEqual(is);
  };
  fc.assert(
    fc.property(journal, fc.nat(), fc.nat(), fc.string({ maxLength: 3 }), (one, from, length, middle) => {
      const whole = formatJournal(one, one, one);
      const at = from % whole.length;
      refuses(whole.subarray(0, at));
      const edited = [whole.subarray(0, at), Buffer.from(middle), whole.subarray(at + (length % 20))];
      refuses(Buffer.concat(edited), one);
      const spoilt = Buffer.from(whole);
      spoilt.write(middle, at);
      refuses(spoilt, one);
    }),
  );
  fc.assert(fc.property(fc.json(), (text) => refuses(Buffer.from(text))));
});
