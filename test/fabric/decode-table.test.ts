import fc from "fast-check";
import { expect, test } from "vitest";
import { type Claim, DecodeTable } from "../../src/fabric/decode-table.ts";

const claims: fc.Arbitrary<Claim[]> = fc
  .array(fc.record({ bus: fc.nat(2), start: fc.nat(60), size: fc.integer({ min: -2, max: 20 }) }), { maxLength: 12 })
  .map((list) =>
    list.map(({ bus, start, size }, index) => ({ bus, start, end: start + size, owner: index, detail: index + 7 })),
  );

test("A number is claimed by the first claim of its bus that holds it, overlaps or not", () => {
  fc.assert(
    fc.property(claims, (list) => {
      const table = new DecodeTable(3, list);
      for (let bus = 0; bus < 3; bus++) {
        for (let value = -1; value < 85; value++) {
          const wanted = list.find((claim) => claim.bus === bus && claim.start <= value && value < claim.end);
          const entry = table.find(bus, value);
          expect(entry < 0 ? undefined : table.ownerOf(entry)).toBe(wanted?.owner);
          if (entry >= 0 && wanted !== undefined) {
            expect(table.detailOf(entry)).toBe(wanted.detail);
            const stolen = list.slice(0, list.indexOf(wanted)).filter((one) => one.bus === bus && one.end > one.start);
            const edges = stolen.map(({ start }) => start).filter((start) => start > value);
            expect(table.endOf(entry)).toBe(Math.min(wanted.end, ...edges));
          }
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("A claim that wins over a later one keeps its whole range, and the later one what is left of its own", () => {
  const winner = { bus: 0, start: 0, end: 0x4000, owner: 1, detail: 0 };
  const inside = { bus: 0, start: 0x1000, end: 0x1800, owner: 2, detail: 1 };
  const across = { bus: 0, start: 0x3000, end: 0x5000, owner: 3, detail: 2 };
  const table = new DecodeTable(1, [winner, inside, across]);
  expect([0, 0x1780, 0x3fff].map((value) => table.endOf(table.find(0, value)))).toEqual([0x4000, 0x4000, 0x4000]);
  expect(table.ownerOf(table.find(0, 0x4000))).toBe(3);
  expect(table.endOf(table.find(0, 0x4000))).toBe(0x5000);
});

test("A hundred thousand claims over each other are sorted out in a moment", () => {
  const count = 100_000;
  const list = Array.from({ length: count }, (_, index) => ({
    bus: 0,
    start: index,
    end: 2 * count - index,
    owner: index,
    detail: 0,
  }));
  const table = new DecodeTable(1, list);
  expect(table.ownerOf(table.find(0, count))).toBe(0);
  expect(table.find(0, 2 * count)).toBe(-1);
});
