import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { acknowledgeLimit } from "../../src/link/acknowledge.ts";
import { completionOverhead, readRequestBytes, writeOverhead } from "../../src/link/packet.ts";
import { codingOf, GENERATIONS, generationOf, linkGbps, packetGBps } from "../../src/link/rate.ts";
import {
  acknowledgeShare,
  bothWaysGBps,
  inFlightGBps,
  readGBps,
  type StreamForm,
  USUAL_PACKETS,
  writeGBps,
} from "../../src/link/stream.ts";
import { rows } from "../rows.ts";

const form = (payloadBytes: number, more: Partial<StreamForm> = {}): StreamForm => ({
  ...USUAL_PACKETS,
  payloadBytes,
  readRequestBytes: 512,
  ...more,
});

describe("What a generation carries", () => {
  test.each(
    rows(`
      // GT/s | generation | coding    | Gbit/s of x1 | GB/s of x16 for packets
      2.5     | 1          | 8b/10b    | 2            | 3.9896
      5       | 2          | 8b/10b    | 4            | 7.9792
      8       | 3          | 128b/130b | 7.8769       | 15.7118
      16      | 4          | 128b/130b | 15.7538      | 31.4237
      32      | 5          | 128b/130b | 31.5077      | 62.8473
      64      | 6          | flit      | 59           | 117.6853
    `),
  )("%s GT/s", (speed, generation, coding, lane, wide) => {
    const link = { speedGTps: Number(speed), width: 16 };
    expect(generationOf(link)).toMatchObject({ generation: Number(generation), coding });
    expect(linkGbps({ ...link, width: 1 })).toBeCloseTo(Number(lane), 4);
    expect(packetGBps(link)).toBeCloseTo(Number(wide), 4);
  });

  test("a speed of no generation", () => {
    expect(generationOf({ speedGTps: 0 })).toBeUndefined();
    expect(linkGbps({ speedGTps: 0, width: 16 })).toBe(0);
    expect([0, 3, 20, 128].map(codingOf)).toEqual(["8b/10b", "8b/10b", "128b/130b", "flit"]);
  });
});

describe("Bytes of a packet beside its data", () => {
  test.each(
    rows(`
      // coding | address | prefixes | ecrc | write, read request | completion
      8b/10b    | 32      | 0        | no   | 20                  | 20
      8b/10b    | 64      | 0        | no   | 24                  | 20
      128b/130b | 64      | 0        | no   | 24                  | 20
      128b/130b | 64      | 0        | yes  | 28                  | 24
      128b/130b | 64      | 1        | yes  | 32                  | 28
      flit      | 64      | 0        | no   | 16                  | 12
      flit      | 32      | 1        | no   | 16                  | 16
    `),
  )("%s, %s bits, %s prefixes, ECRC %s", (coding, address, prefixes, ecrc, request, completion) => {
    const packet = {
      coding: coding as "flit",
      addressBits: Number(address) as 32 | 64,
      prefixes: Number(prefixes),
      ecrc: ecrc === "yes",
    };
    expect([writeOverhead(packet), readRequestBytes(packet), completionOverhead(packet)]).toEqual([
      Number(request),
      Number(request),
      Number(completion),
    ]);
  });
});

describe("After how many symbol times a receiver acknowledges", () => {
  test.each(
    rows(`
      // GT/s | 128 x1 | 256 x1 | 512 x1 | 128 x8 | 512 x8 | 128 x16 | 4096 x16 | 128 x32
      2.5     | 237    | 416    | 559    | 67     | 86     | 48      | 534      | 33
      5       | 288    | 467    | 610    | 118    | 137    | 99      | 585      | 84
      8       | 333    | 512    | 655    | 163    | 182    | 144     | 630      | 129
      32      | 333    | 512    | 655    | 163    | 182    | 144     | 630      | 129
    `),
  )("at %s GT/s", (speed, ...limits) => {
    const asked = [
      [1, 128],
      [1, 256],
      [1, 512],
      [8, 128],
      [8, 512],
      [16, 128],
      [16, 4096],
      [32, 128],
    ] as const;
    expect(asked.map(([width, payload]) => acknowledgeLimit(Number(speed), width, payload))).toEqual(
      limits.map(Number),
    );
  });

  test("a width that no link has", () => {
    expect(() => acknowledgeLimit(8, 3, 128)).toThrow(new RangeError("no link has 3 lanes"));
  });
});

describe("Data over a link", () => {
  // Written out by hand: the rate for packets, times data, divided by data and what stands around it.
  const gen5 = { speedGTps: 32, width: 16 };
  test.each<[string, number, number]>([
    ["writes of 256 bytes each", writeGBps(gen5, form(256), 4096), (62.8473 * 4096) / (4096 + 16 * 24)],
    ["writes of 64 bytes each", writeGBps(gen5, form(64), 4096), (62.8473 * 64) / (64 + 24)],
    ["a last packet that is not full", writeGBps(gen5, form(256), 257), (62.8473 * 257) / (257 + 2 * 24)],
    ["reads", readGBps(gen5, form(256), 4096), (62.8473 * 4096) / (4096 + 16 * 20)],
    ["reads of less than a payload", readGBps(gen5, form(512, { readRequestBytes: 128 }), 4096), (62.8473 * 128) / 148],
    // 8 bytes of data to 24 of the request: the other direction is full first.
    ["reads of which the requests are the more", readGBps(gen5, form(256), 1), (62.8473 * 1) / 24],
    ["both ways", bothWaysGBps(gen5, form(256), 4096), (62.8473 * 4096 * (1 - 16 / 168 / 16)) / (4096 + 16 * 24)],
    ["what is in flight", inFlightGBps(32 * 512, 600), 27.3067],
  ])("%s", (_name, found, expected) => {
    expect(found).toBeCloseTo(expected, 3);
  });

  test("a flit has room of its own for what acknowledges", () => {
    expect(acknowledgeShare({ speedGTps: 64, width: 16 }, 256)).toBe(0);
    expect(acknowledgeShare({ speedGTps: 8, width: 8 }, 256)).toBeCloseTo(16 / 203 / 8, 12);
    // 64 bytes are sent where 128 are the least that is set.
    expect(acknowledgeShare({ speedGTps: 8, width: 8 }, 64)).toBe(acknowledgeShare({ speedGTps: 8, width: 8 }, 128));
  });
});

describe("Whatever the link", () => {
  const links = fc.record({
    at: fc.integer({ min: 0, max: GENERATIONS.length - 2 }),
    widthAt: fc.integer({ min: 0, max: 4 }),
    payloadAt: fc.integer({ min: 0, max: 4 }),
    readAt: fc.integer({ min: 0, max: 4 }),
    size: fc.integer({ min: 1, max: 1 << 20 }),
    addressBits: fc.constantFrom(32 as const, 64 as const),
    prefixes: fc.integer({ min: 0, max: 3 }),
    ecrc: fc.boolean(),
  });
  const WIDTHS = [1, 2, 4, 8, 16, 32];
  const all = [writeGBps, readGBps, bothWaysGBps];

  test("more is never less: of speed, width, payload, read requests; and all stay below the rate for packets", () => {
    fc.assert(
      fc.property(links, ({ at, widthAt, payloadAt, readAt, size, ...packet }) => {
        const link = { speedGTps: GENERATIONS[at]?.speedGTps ?? 0, width: WIDTHS[widthAt] ?? 0 };
        const faster = { ...link, speedGTps: GENERATIONS[at + 1]?.speedGTps ?? 0 };
        const wider = { ...link, width: WIDTHS[widthAt + 1] ?? 0 };
        const usual = { ...packet, payloadBytes: 128 << payloadAt, readRequestBytes: 128 << readAt };
        for (const rate of all) {
          const found = rate(link, usual, size);
          expect(found).toBeGreaterThan(0);
          expect(found).toBeLessThan(packetGBps(link));
          expect(rate(faster, usual, size)).toBeGreaterThan(found);
          expect(rate(wider, usual, size)).toBeGreaterThan(found);
          if (rate !== bothWaysGBps) {
            expect(rate(link, { ...usual, payloadBytes: 256 << payloadAt }, size)).toBeGreaterThanOrEqual(found);
          }
          expect(rate(link, { ...usual, readRequestBytes: 256 << readAt }, size)).toBeGreaterThanOrEqual(found);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("whole payloads more are never less", () => {
    fc.assert(
      fc.property(links, fc.integer({ min: 1, max: 64 }), ({ at, widthAt, payloadAt, ...rest }, packets) => {
        const link = { speedGTps: GENERATIONS[at]?.speedGTps ?? 0, width: WIDTHS[widthAt] ?? 0 };
        const usual = { ...USUAL_PACKETS, payloadBytes: 128 << payloadAt, readRequestBytes: 128 << rest.readAt };
        const size = packets * usual.payloadBytes;
        for (const rate of all) {
          expect(rate(link, usual, size + usual.payloadBytes)).toBeGreaterThanOrEqual(rate(link, usual, size) - 1e-12);
        }
      }),
      { numRuns: 500 },
    );
  });
});
